// Command schemas writes the JSON schemas by which kubeconform judges what the chart renders: made from the Go types of
// Kubernetes and of the operator of Prometheus, so that none has to be fetched. A field that a type does not have is
// refused, and one that it always writes is required.
//
//	schemas FOLDER
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/invopop/jsonschema"
	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	apps "k8s.io/api/apps/v1"
	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// kinds are the kinds that the chart has, by the name of the file in which kubeconform looks.
var kinds = map[string]any{
	"configmap-v1":                  core.ConfigMap{},
	"service-v1":                    core.Service{},
	"deployment-apps-v1":            apps.Deployment{},
	"statefulset-apps-v1":           apps.StatefulSet{},
	"job-batch-v1":                  batch.Job{},
	"networkpolicy-networking-v1":   networking.NetworkPolicy{},
	"poddisruptionbudget-policy-v1": policy.PodDisruptionBudget{},
	"prometheusrule-monitoring-v1":  monitoring.PrometheusRule{},
	"servicemonitor-monitoring-v1":  monitoring.ServiceMonitor{},
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: schemas FOLDER")
		os.Exit(2)
	}
	reflector := jsonschema.Reflector{Anonymous: true, Mapper: scalar, Namer: named}
	for name, kind := range kinds {
		schema := reflector.Reflect(kind)
		for _, one := range schema.Definitions {
			// What a server alone writes is nobody's to give.
			one.Required = slices.DeleteFunc(one.Required, func(field string) bool { return field == "status" })
		}
		text, err := json.Marshal(schema)
		if err == nil {
			err = os.WriteFile(filepath.Join(os.Args[1], name+".json"), text, 0o644)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "schemas:", err)
			os.Exit(1)
		}
	}
}

// scalar gives the schema of the types that write themselves as a text or a number.
func scalar(kind reflect.Type) *jsonschema.Schema {
	text := &jsonschema.Schema{Type: "string"}
	switch kind {
	case reflect.TypeFor[intstr.IntOrString]():
		return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{text, {Type: "integer"}}}
	case reflect.TypeFor[resource.Quantity]():
		return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{text, {Type: "number"}}}
	case reflect.TypeFor[meta.Time](), reflect.TypeFor[meta.MicroTime](), reflect.TypeFor[meta.Duration]():
		return text
	case reflect.TypeFor[meta.FieldsV1]():
		return &jsonschema.Schema{Type: "object"}
	}
	return nil
}

// named tells types of one name apart by where they come from.
func named(kind reflect.Type) string {
	if kind.PkgPath() == "" {
		return kind.Name()
	}
	return strings.ReplaceAll(kind.PkgPath(), "/", ".") + "." + kind.Name()
}
