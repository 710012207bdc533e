{{/* The template of the server's pods, for a Deployment (PostgreSQL) and a StatefulSet (SQLite). */}}
{{- define "telwerk.pod" -}}
metadata:
  labels:
    {{- include "telwerk.labels" . | nindent 4 }}
    app.kubernetes.io/component: server
    {{- with .Values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with .Values.podAnnotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  {{- include "telwerk.placement" . | nindent 2 }}
  {{- with .Values.topologySpreadConstraints }}
  topologySpreadConstraints:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  terminationGracePeriodSeconds: {{ add .Values.preStopSeconds (ceil .Values.graceSeconds) 25 }}
  {{- if and .Values.database.sqlite.enabled .Values.migration.enabled }}
  initContainers:
    - name: migrate
      {{- include "telwerk.container" . | nindent 6 }}
      args: ["migrate"]
      env:
        {{- include "telwerk.databaseEnv" . | trim | nindent 8 }}
      resources:
        {{- toYaml .Values.resources | nindent 8 }}
      volumeMounts:
        {{- include "telwerk.databaseMounts" . | nindent 8 }}
  {{- end }}
  containers:
    - name: telwerkd
      {{- include "telwerk.container" . | nindent 6 }}
      args: ["serve"]
      env:
        {{- include "telwerk.env" . | trim | nindent 8 }}
      ports:
        - name: grpc
          containerPort: 50051
        - name: http
          containerPort: 50080
        - name: probe
          containerPort: 50081
      # A first start makes tables; the limit is for one that waits for its database.
      startupProbe:
        httpGet:
          path: /healthz
          port: probe
        periodSeconds: 2
        timeoutSeconds: 5
        failureThreshold: 60
      # Whether the process lives. Not whether its database does: a restart would not bring that back.
      livenessProbe:
        httpGet:
          path: /healthz
          port: probe
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 6
      # Whether a write would be committed now.
      readinessProbe:
        httpGet:
          path: /readyz
          port: probe
        periodSeconds: 5
        timeoutSeconds: 5
        failureThreshold: 2
      {{- if gt (int .Values.preStopSeconds) 0 }}
      lifecycle:
        preStop:
          sleep:
            seconds: {{ .Values.preStopSeconds }}
      {{- end }}
      resources:
        {{- toYaml .Values.resources | nindent 8 }}
      volumeMounts:
        {{- include "telwerk.databaseMounts" . | nindent 8 }}
        {{- if .Values.tls.secret }}
        - name: tls
          mountPath: /run/secrets/telwerk/tls
          readOnly: true
        {{- end }}
        {{- if .Values.keys.secret }}
        - name: keys
          mountPath: /run/secrets/telwerk/keys
          readOnly: true
        {{- end }}
  volumes:
    {{- include "telwerk.databaseVolumes" . | nindent 4 }}
    {{- with .Values.tls.secret }}
    - name: tls
      secret:
        secretName: {{ . }}
        defaultMode: 0440
    {{- end }}
    {{- with .Values.keys.secret }}
    - name: keys
      secret:
        secretName: {{ . }}
        defaultMode: 0440
        items:
          - key: {{ $.Values.keys.key }}
            path: keys.toml
    {{- end }}
{{- end -}}

{{/* What the server's pods and the migration's have in common. */}}
{{- define "telwerk.placement" -}}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .Values.serviceAccountName }}
serviceAccountName: {{ . }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  {{- toYaml .Values.podSecurityContext | nindent 2 }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "telwerk.container" -}}
image: {{ include "telwerk.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  {{- toYaml .Values.securityContext | nindent 2 }}
{{- end -}}
