package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/yaml"
	strict "sigs.k8s.io/yaml"
)

// kinds are Kubernetes' own that the manifests have.
var kinds = map[string]func() any{
	"ConfigMap": func() any { return &core.ConfigMap{} },
	"Secret":    func() any { return &core.Secret{} },
	"Job":       func() any { return &batch.Job{} },
	"CronJob":   func() any { return &batch.CronJob{} },
}

// parts are what ECK's resources have of Kubernetes' own types; their schemas don't say what is in them.
var parts = map[string]func() any{
	"podTemplate":          func() any { return &core.PodTemplateSpec{} },
	"volumeClaimTemplates": func() any { return &[]core.PersistentVolumeClaim{} },
	"service":              func() any { return &service{} },
}

// service is how ECK has a service of a resource.
type service struct {
	meta.ObjectMeta `json:"metadata,omitempty"`
	Spec            core.ServiceSpec `json:"spec,omitempty"`
}

// check decodes all resources strictly: an unknown field, or a value of another type, is an error.
func check(input io.Reader) error {
	reader := yaml.NewYAMLReader(bufio.NewReader(input))
	var wrong []error
	for {
		text, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return errors.Join(wrong...)
		}
		if err != nil {
			return err
		}
		var resource map[string]any
		if err := strict.Unmarshal(text, &resource); err != nil {
			return err
		}
		wrong = append(wrong, checkResource(resource)...)
	}
}

func checkResource(resource map[string]any) []error {
	name := fmt.Sprint(resource["kind"])
	if make, known := kinds[name]; known {
		return decode(name, resource, make())
	}
	return checkParts(name, resource)
}

// checkParts finds the parts of a resource, however deep.
func checkParts(place string, value any) []error {
	var wrong []error
	switch value := value.(type) {
	case map[string]any:
		for key, inner := range value {
			if make, known := parts[key]; known {
				wrong = append(wrong, decode(place+"."+key, inner, make())...)
			} else {
				wrong = append(wrong, checkParts(place+"."+key, inner)...)
			}
		}
	case []any:
		for _, inner := range value {
			wrong = append(wrong, checkParts(place, inner)...)
		}
	}
	return wrong
}

func decode(place string, value, into any) []error {
	text, err := strict.Marshal(value)
	if err == nil {
		err = strict.UnmarshalStrict(text, into)
	}
	if err != nil {
		return []error{fmt.Errorf("%s: %w", place, err)}
	}
	return nil
}
