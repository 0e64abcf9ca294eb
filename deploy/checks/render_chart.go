// Command render_chart renders a Helm chart's templates with Go's own template engine and sprig, where no helm binary is to be had.
//
// It knows what the chart of soundmill uses: .Values, .Release, .Chart, .Files.Get, include, required, toYaml.
// It does not know subcharts, hooks' order or the API server. Usage: render_chart CHART VALUES.json RELEASE NAMESPACE
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"text/template"

	"github.com/Masterminds/sprig"
)

func main() {
	if err := render(os.Args[1], os.Args[2], os.Args[3], os.Args[4]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func render(chart, valuesFile, release, namespace string) error {
	text, err := os.ReadFile(valuesFile)
	if err != nil {
		return err
	}
	var given map[string]interface{}
	if err := json.Unmarshal(text, &given); err != nil {
		return err
	}
	set := template.New("chart").Option("missingkey=error")
	set.Funcs(sprig.TxtFuncMap()).Funcs(template.FuncMap{
		"toYaml":   toJSON, // JSON is YAML
		"toJson":   toJSON,
		"required": required,
		"include": func(name string, data interface{}) (string, error) {
			var out strings.Builder
			err := set.ExecuteTemplate(&out, name, data)
			return out.String(), err
		},
	})
	names, err := filepath.Glob(filepath.Join(chart, "templates", "*"))
	if err != nil {
		return err
	}
	sort.Strings(names)
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if _, err := set.New(filepath.Base(name)).Parse(string(text)); err != nil {
			return err
		}
	}
	data := map[string]interface{}{
		"Values":  given["values"],
		"Chart":   given["chart"],
		"Release": map[string]interface{}{"Name": release, "Namespace": namespace, "Service": "Helm"},
		"Files":   files(chart),
	}
	for _, name := range names {
		if !strings.HasSuffix(name, ".yaml") {
			continue
		}
		fmt.Printf("---\n# Source: %s\n", filepath.Base(name))
		if err := set.ExecuteTemplate(os.Stdout, filepath.Base(name), data); err != nil {
			return err
		}
		fmt.Println()
	}
	return nil
}

type files string

// Get gives the text of a file in the chart, or nothing when there is none, as Helm does.
func (chart files) Get(name string) string {
	text, err := os.ReadFile(filepath.Join(string(chart), name))
	if err != nil {
		return ""
	}
	return string(text)
}

func toJSON(value interface{}) (string, error) {
	text, err := json.Marshal(value)
	return string(text), err
}

func required(message string, value interface{}) (interface{}, error) {
	if value == nil || value == "" {
		return nil, errors.New(message)
	}
	return value, nil
}
