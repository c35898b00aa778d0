package asl

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// reader is the ItemReader of a Map state.
//
// AWS: https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itemreader.html
type reader struct {
	list      bool      // the items are the objects of a listing, not the content of an object
	location  *template // Parameters or Arguments
	format    string    // InputType
	headers   []string  // CSVHeaders; nil: the first row has them
	delimiter rune
	pointer   []string  // ItemsPointer
	maximum   *quantity // MaxItems
}

func readerFailed(format string, args ...any) *failure {
	return failed(errorReader, fmt.Sprintf(format, args...))
}

// read reads the items of the Map state that b is in, and says where they are from.
func (e *Execution) read(b *branch, input any) (items []any, source string, f *failure) {
	r := b.state.each.reader
	maximum, f := e.see(b, input).quantity(r.maximum)
	switch {
	case f != nil:
		return nil, "", f
	case maximum < 0: // recorded, as is that 0 is no limit
		return nil, "", readerFailed("field MaxItems must be positive")
	}
	v, f := e.see(b, input).fill(r.location)
	if f != nil {
		return nil, "", f
	}
	location, _ := v.(*object)
	bucket, ok := typed[string](location, "Bucket")
	if !ok {
		return nil, "", readerFailed("The Bucket of the ItemReader must be a string, but was: %s", text(v))
	}
	if e.options.Objects == nil {
		return nil, "", readerFailed("There is no S3 here to read items from.")
	}
	call := e.objectCall(b, bucket, "")
	source = "S3://" + bucket
	if r.list {
		call.Key, _ = typed[string](location, "Prefix")
		listed, err := e.options.Objects.ListObjectsV2(e.ev.ctx, call)
		if err != nil {
			return nil, "", readerFailed("%s", err)
		}
		items = objectItems(listed)
	} else {
		if call.Key, ok = typed[string](location, "Key"); !ok {
			return nil, "", readerFailed("The Key of the ItemReader must be a string, but was: %s", text(v))
		}
		call.VersionID, _ = typed[string](location, "VersionId")
		source += "/" + call.Key
		content, err := e.options.Objects.GetObject(e.ev.ctx, call)
		if err == nil {
			items, err = r.parse(content, int(maximum))
		}
		if err != nil {
			return nil, "", readerFailed("%s", err)
		}
	}
	if maximum > 0 && len(items) > int(maximum) {
		items = items[:int(maximum)]
	}
	return items, source, nil
}

// objectItems are the items of a listing.
func objectItems(listed []Object) []any {
	items := make([]any, len(listed))
	for i, o := range listed {
		items[i] = objectOf(
			member{"Etag", o.ETag}, member{"Key", o.Key}, member{"LastModified", float64(o.LastModified.Unix())},
			member{"Size", float64(o.Size)}, member{"StorageClass", o.StorageClass},
		)
	}
	return items
}

// parse reads the items out of an object; with a maximum it may stop there.
func (r *reader) parse(content []byte, maximum int) ([]any, error) {
	content = bytes.TrimPrefix(content, []byte("\ufeff"))
	switch r.format {
	case "CSV":
		return r.rows(content, maximum)
	case "JSONL":
		return lines(content, maximum)
	}
	v, err := decode(content)
	if err != nil {
		return nil, err
	}
	for _, step := range r.pointer {
		if v, err = pointed(v, step); err != nil {
			return nil, err
		}
	}
	items, ok := v.([]any)
	if !ok {
		return nil, errors.New("Attempting to map over non-iterable node.") //nolint:staticcheck,revive // AWS's words, recorded
	}
	return items, nil
}

// pointed takes one step of a JSON pointer.
func pointed(v any, step string) (any, error) {
	switch v := v.(type) {
	case *object:
		if inner, ok := v.get(step); ok {
			return inner, nil
		}
	case []any:
		if i, err := strconv.Atoi(step); err == nil && i >= 0 && i < len(v) && strconv.Itoa(i) == step {
			return v[i], nil
		}
	}
	return nil, fmt.Errorf("the ItemsPointer leads nowhere at %q", step)
}

// pointerSteps takes a JSON pointer (RFC 6901) apart.
func pointerSteps(pointer string) ([]string, bool) {
	if pointer == "" {
		return nil, true
	}
	rest, ok := strings.CutPrefix(pointer, "/")
	if !ok {
		return nil, false
	}
	steps := strings.Split(rest, "/")
	for i, s := range steps {
		steps[i] = strings.ReplaceAll(strings.ReplaceAll(s, "~1", "/"), "~0", "~")
	}
	return steps, true
}

// lines reads JSON Lines; blank lines are no items.
func lines(content []byte, maximum int) ([]any, error) {
	items := []any{}
	number := 0
	for line := range bytes.Lines(content) {
		number++
		if len(bytes.Trim(line, " \t\r\n")) == 0 {
			continue
		}
		v, err := decode(line)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		if items = append(items, v); len(items) == maximum {
			break
		}
	}
	return items, nil
}

// maxHeader is the size of the headers of a CSV file in bytes.
const maxHeader = 10 << 10

// rows reads CSV as AWS does: every value is a string, a row that is too short gets empty ones, and what a row has beyond
// the headers is dropped.
func (r *reader) rows(content []byte, maximum int) ([]any, error) {
	in := csv.NewReader(bytes.NewReader(content))
	in.Comma = r.delimiter
	in.FieldsPerRecord = -1
	in.ReuseRecord = true
	headers := r.headers
	if headers == nil {
		first, err := in.Read()
		switch {
		case errors.Is(err, io.EOF):
			return []any{}, nil
		case err != nil:
			return nil, err
		}
		headers = slices.Clone(first)
	}
	seen := map[string]bool{}
	size := 0
	for _, h := range headers {
		if seen[h] {
			return nil, errors.New("CSV headers cannot contain duplicates.") //nolint:staticcheck,revive // AWS's words, recorded
		}
		seen[h] = true
		size += len(h)
	}
	if size > maxHeader {
		return nil, fmt.Errorf("the CSV headers have %d bytes, more than %d", size, maxHeader)
	}
	items := []any{}
	for maximum == 0 || len(items) < maximum {
		row, err := in.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		item := newObject(len(headers))
		for i, h := range headers {
			value := ""
			if i < len(row) {
				value = row[i]
			}
			item.set(h, value)
		}
		items = append(items, item)
	}
	return items, nil
}
