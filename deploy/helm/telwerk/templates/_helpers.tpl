{{- define "telwerk.fullname" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "telwerk.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: server
{{- end -}}

{{- define "telwerk.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- define "telwerk.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{- printf "%s@%s" .repository .digest -}}
{{- else -}}
{{- printf "%s:%s" .repository (.tag | default $.Chart.AppVersion) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* What has to be decided, and what contradicts itself. Each is one sentence. */}}
{{- define "telwerk.validate" -}}
{{- if and (not .Values.database.secret) (not .Values.database.sqlite.enabled) -}}
{{- fail "database: name the Secret of a PostgreSQL URL (database.secret), or set database.sqlite.enabled" -}}
{{- end -}}
{{- if and .Values.database.secret .Values.database.sqlite.enabled -}}
{{- fail "database: database.secret and database.sqlite.enabled exclude each other" -}}
{{- end -}}
{{- if and .Values.database.sqlite.enabled (gt (int .Values.replicas) 1) -}}
{{- fail "replicas: a SQLite file has one server; set replicas to 1, or use PostgreSQL" -}}
{{- end -}}
{{- if and (not .Values.tls.secret) (not .Values.insecure.plaintext) -}}
{{- fail "tls: name the Secret of a certificate (tls.secret), or set insecure.plaintext" -}}
{{- end -}}
{{- if and .Values.tls.secret .Values.insecure.plaintext -}}
{{- fail "tls: tls.secret and insecure.plaintext exclude each other" -}}
{{- end -}}
{{- if and .Values.tls.clientCaKey (not .Values.tls.secret) -}}
{{- fail "tls: tls.clientCaKey needs tls.secret" -}}
{{- end -}}
{{- if and (not .Values.keys.secret) (not .Values.insecure.noAuth) -}}
{{- fail "keys: name the Secret of the API keys (keys.secret), or set insecure.noAuth" -}}
{{- end -}}
{{- range $name := list "database" "listen" "http_listen" "probe_listen" "tls_cert" "tls_key" "tls_client_ca" "keys_file" "insecure_plaintext" "insecure_no_auth" "grace_seconds" "workers" "http_hosts" -}}
{{- if hasKey $.Values.settings $name -}}
{{- fail (printf "settings.%s: the chart sets this itself; values.yaml says by what" $name) -}}
{{- end -}}
{{- end -}}
{{- if and .Values.keys.secret .Values.insecure.noAuth -}}
{{- fail "keys: keys.secret and insecure.noAuth exclude each other" -}}
{{- end -}}
{{- end -}}

{{/* What every container of the server needs to find its database. */}}
{{- define "telwerk.databaseEnv" -}}
{{- if .Values.database.sqlite.enabled }}
- name: TELWERK_DATABASE
  value: /data/telwerk.db
{{- else }}
- name: TELWERK_DATABASE_FILE
  value: /run/secrets/telwerk/database/url
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* The names that HTTP clients call the server by: those of its services, and those of the outside. */}}
{{- define "telwerk.hosts" -}}
{{- $hosts := list -}}
{{- range $service := list (include "telwerk.fullname" .) (printf "%s-pods" (include "telwerk.fullname" .)) -}}
{{- range $suffix := list "" (printf ".%s" $.Release.Namespace) (printf ".%s.svc" $.Release.Namespace) (printf ".%s.svc.%s" $.Release.Namespace $.Values.clusterDomain) -}}
{{- $hosts = append $hosts (printf "%s%s" $service $suffix) -}}
{{- end -}}
{{- end -}}
{{- concat $hosts .Values.httpHosts | join "," -}}
{{- end -}}

{{- define "telwerk.env" -}}
{{- include "telwerk.databaseEnv" . }}
- name: TELWERK_LISTEN
  value: 0.0.0.0:50051
- name: TELWERK_HTTP_LISTEN
  value: 0.0.0.0:50080
- name: TELWERK_HTTP_HOSTS
  value: {{ include "telwerk.hosts" . | quote }}
- name: TELWERK_PROBE_LISTEN
  value: 0.0.0.0:50081
- name: TELWERK_GRACE_SECONDS
  value: {{ .Values.graceSeconds | quote }}
{{- if .Values.tls.secret }}
- name: TELWERK_TLS_CERT
  value: /run/secrets/telwerk/tls/tls.crt
- name: TELWERK_TLS_KEY
  value: /run/secrets/telwerk/tls/tls.key
{{- with .Values.tls.clientCaKey }}
- name: TELWERK_TLS_CLIENT_CA
  value: /run/secrets/telwerk/tls/{{ . }}
{{- end }}
{{- else }}
- name: TELWERK_INSECURE_PLAINTEXT
  value: "true"
{{- end }}
{{- if .Values.keys.secret }}
- name: TELWERK_KEYS_FILE
  value: /run/secrets/telwerk/keys/keys.toml
{{- else }}
- name: TELWERK_INSECURE_NO_AUTH
  value: "true"
{{- end }}
{{- range $name, $value := .Values.settings }}
- name: TELWERK_{{ upper $name }}
  value: {{ ternary $value (toRawJson $value) (kindIs "string" $value) | quote }}
{{- end }}
{{- end -}}

{{- define "telwerk.databaseMounts" -}}
- name: tmp
  mountPath: /tmp
- name: data
  mountPath: /data
{{- if not .Values.database.sqlite.enabled }}
- name: database
  mountPath: /run/secrets/telwerk/database
  readOnly: true
{{- end }}
{{- end -}}

{{/* The volumes of a pod. A Secret is mounted as a folder, so that its changes arrive. */}}
{{- define "telwerk.databaseVolumes" -}}
- name: tmp
  emptyDir:
    medium: Memory
    sizeLimit: 64Mi
{{- if not .Values.database.sqlite.enabled }}
- name: data
  emptyDir:
    sizeLimit: 64Mi
- name: database
  secret:
    secretName: {{ .Values.database.secret }}
    defaultMode: 0440
    items:
      - key: {{ .Values.database.key }}
        path: url
{{- end }}
{{- end -}}
