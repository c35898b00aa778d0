package boot

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"quicksight-unsubscribe/internal/closing"
	"quicksight-unsubscribe/internal/step"
)

// Config reads the configuration from the environment by the names in step.Config's tags. A text without a default must be set, unless it is optional;
// lists are separated by commas; durations are Go's ("90m"). The error names every variable that is wrong.
func Config(lookup func(string) (string, bool)) (step.Config, error) {
	config := step.Defaults()
	fields := reflect.ValueOf(&config).Elem()
	var wrong []error
	for i := range fields.NumField() {
		tag := fields.Type().Field(i).Tag
		name := tag.Get("env")
		text, set := lookup(name)
		if text == "" && tag.Get("optional") != "" {
			continue
		}
		if err := assign(fields.Field(i).Addr().Interface(), strings.TrimSpace(text), set); err != nil {
			wrong = append(wrong, fmt.Errorf("environment variable %s: %w", name, err))
		}
	}
	if config.Quorum < 1 {
		wrong = append(wrong, fmt.Errorf("environment variable QUORUM: %d people decide nothing; at least 1", config.Quorum))
	}
	return config, errors.Join(wrong...)
}

// assign parses text into a field; what is not set keeps its default.
func assign(field any, text string, set bool) error {
	var err error
	switch field := field.(type) {
	case *string:
		if text == "" && *field == "" {
			return errors.New("is not set, and has no default")
		}
		if text != "" {
			*field = text
		}
		return nil
	case *[]string:
		for item := range strings.SplitSeq(text, ",") {
			if item = strings.TrimSpace(item); item != "" {
				*field = append(*field, item)
			}
		}
		return nil
	case *[]closing.Approver:
		*field, err = closing.ParseApprovers(text)
		return err
	case *bool:
		if set {
			*field, err = strconv.ParseBool(text)
		}
	case *int:
		if set {
			*field, err = strconv.Atoi(text)
		}
	case *time.Duration:
		if set {
			if *field, err = time.ParseDuration(text); err == nil && *field < 0 {
				return fmt.Errorf("%q is negative", text)
			}
		}
	default:
		panic(fmt.Sprintf("boot: no environment variable can be a %T", field))
	}
	if err != nil {
		return fmt.Errorf("%q is not a value of its kind: %w", text, err)
	}
	return nil
}
