// Command kubernetes stands in for kubectl and helm where there is no cluster:
//
//	kubernetes render FOLDER        what `kubectl kustomize FOLDER` prints
//	kubernetes template CHART FILE  what `helm template CHART --values FILE` prints
//	kubernetes check < YAML         whether Kubernetes' own types have each field, also in pod templates
//
// The libraries are those of kubectl and helm.
package main

import (
	"fmt"
	"os"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

func main() {
	if err := run(os.Args[1], os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(command string, arguments []string) error {
	switch command {
	case "render":
		return render(arguments[0])
	case "template":
		return template(arguments[0], arguments[1])
	default:
		return check(os.Stdin)
	}
}

// render prints the resources of a folder. As in `kubectl apply -k`, no file outside of it may be read.
func render(folder string) error {
	resources, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), folder)
	if err != nil {
		return err
	}
	text, err := resources.AsYaml()
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(text)
	return err
}
