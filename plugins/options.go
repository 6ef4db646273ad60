package plugins

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Option describes one option of a plugin.
type Option struct {
	Name    string
	Default string
	Summary string   // one line
	Choices []string // the accepted values, where they can be listed
}

// DescribeOptions lists the options of a struct that holds the defaults. An
// option is an exported field of type bool, int, uint64, float64, string or
// time.Duration with a tag
//
//	option:"name" doc:"one line" choices:"a,b,c"
//
// where choices may be left out. Fields without the tag are no options. It
// panics if defaults is no such struct.
func DescribeOptions(defaults any) []Option {
	v := reflect.ValueOf(defaults)
	var options []Option
	for _, f := range optionFields(v.Type()) {
		options = append(options, Option{
			Name:    f.Tag.Get("option"),
			Default: formatOption(v.FieldByIndex(f.Index)),
			Summary: f.Tag.Get("doc"),
			Choices: optionChoices(f),
		})
	}
	return options
}

// SetOptions sets the fields of the struct that dst points to from the values
// that a user gave; fields that are not named keep what they hold, the
// defaults. See DescribeOptions for the form of the struct. The error wraps
// ErrOption and names the option and what it accepts.
func SetOptions(dst any, values map[string]string) error {
	v := reflect.ValueOf(dst).Elem()
	fields := optionFields(v.Type())
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.Tag.Get("option")
	}
	given := make([]string, 0, len(values))
	for name := range values {
		given = append(given, name)
	}
	slices.Sort(given)
	for _, name := range given {
		i := slices.Index(names, name)
		if i < 0 {
			if len(names) == 0 {
				return fmt.Errorf("%w: %q is unknown: there are no options", ErrOption, name)
			}
			return fmt.Errorf("%w: %q is unknown; there are %s", ErrOption, name, strings.Join(names, ", "))
		}
		text := values[name]
		if choices := optionChoices(fields[i]); choices != nil && !slices.Contains(choices, text) {
			return fmt.Errorf("%w: %s=%s; it takes %s", ErrOption, name, text, strings.Join(choices, ", "))
		}
		if err := parseOption(v.FieldByIndex(fields[i].Index), text); err != nil {
			return fmt.Errorf("%w: %s=%s; %w", ErrOption, name, text, err)
		}
	}
	return nil
}

func optionFields(t reflect.Type) []reflect.StructField {
	if t.Kind() != reflect.Struct {
		panic("plugins: options are not a struct")
	}
	var fields []reflect.StructField
	for _, f := range reflect.VisibleFields(t) {
		if f.IsExported() && f.Tag.Get("option") != "" {
			fields = append(fields, f)
		}
	}
	return fields
}

func optionChoices(f reflect.StructField) []string {
	if list := f.Tag.Get("choices"); list != "" {
		return strings.Split(list, ",")
	}
	return nil
}

func formatOption(v reflect.Value) string {
	if v.Kind() == reflect.Float64 {
		return strconv.FormatFloat(v.Float(), 'g', -1, 64)
	}
	return fmt.Sprint(v.Interface())
}

// parseOption sets dst from text; its error says which form the text must
// have.
func parseOption(dst reflect.Value, text string) error {
	if dst.Type() == reflect.TypeFor[time.Duration]() {
		d, err := time.ParseDuration(text)
		if err != nil {
			return fmt.Errorf("it takes a duration such as 90s")
		}
		dst.SetInt(int64(d))
		return nil
	}
	switch dst.Kind() {
	case reflect.String:
		dst.SetString(text)
	case reflect.Bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return fmt.Errorf("it takes true or false")
		}
		dst.SetBool(b)
	case reflect.Int:
		n, err := strconv.Atoi(text)
		if err != nil {
			return fmt.Errorf("it takes a whole number")
		}
		dst.SetInt(int64(n))
	case reflect.Uint64:
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return fmt.Errorf("it takes a whole number from 0")
		}
		dst.SetUint(n)
	case reflect.Float64:
		x, err := strconv.ParseFloat(text, 64)
		if err != nil || x != x || x > 1e300 || x < -1e300 {
			return fmt.Errorf("it takes a finite number")
		}
		dst.SetFloat(x)
	default:
		panic("plugins: an option has a type that options cannot have")
	}
	return nil
}
