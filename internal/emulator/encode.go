package emulator

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// protocol is an AWS wire protocol.
type protocol int

const (
	restJSON protocol = iota
	json10
	json11
	query
	ec2Query
	restXML
	s3XML
)

func (p protocol) contentType() string {
	switch p {
	case json10:
		return "application/x-amz-json-1.0"
	case json11:
		return "application/x-amz-json-1.1"
	}
	return "application/json"
}

// reply is one HTTP answer.
type reply struct {
	status int
	header http.Header
	body   []byte
	broken error // the connection breaks with this instead

	latency time.Duration
}

// writeResult encodes what an operation returned: an SDK output struct for the JSON and query protocols, a struct with
// xml tags for EC2, a ready reply for S3. It also returns what the journal keeps of it.
func writeResult(r *request, result any) (reply, any, error) {
	if ready, ok := result.(reply); ok {
		if ready.status == 0 {
			ready.status = http.StatusOK
		}
		if ready.header == nil {
			ready.header = http.Header{}
		}
		return ready, nil, nil
	}
	out := reply{status: http.StatusOK, header: http.Header{}}
	p, wire := r.service.protocol, r.wire(result)
	switch p {
	case restJSON, json10, json11:
		members, _ := wire.(map[string]any)
		if p == restJSON {
			// Status is bound to the HTTP status and never in the body.
			if status, ok := members["Status"].(int64); ok {
				delete(members, "Status")
				if status != 0 {
					out.status = int(status)
				}
			}
			members["RequestId"] = r.requestID
		}
		out.header.Set("Content-Type", p.contentType())
		body, err := json.Marshal(members)
		out.body = body
		delete(members, "RequestId")
		return out, members, err
	case query:
		var b bytes.Buffer
		fmt.Fprintf(&b, "<%sResponse xmlns=%q><%sResult>", r.operation, r.service.xmlns, r.operation)
		writeQueryXML(&b, wire)
		fmt.Fprintf(&b, "</%sResult><ResponseMetadata><RequestId>%s</RequestId></ResponseMetadata></%sResponse>", r.operation, r.requestID, r.operation)
		out.header.Set("Content-Type", "text/xml")
		out.body = b.Bytes()
		return out, wire, nil
	case ec2Query:
		var b bytes.Buffer
		start := xml.StartElement{Name: xml.Name{Local: r.operation + "Response"}, Attr: []xml.Attr{{Name: xml.Name{Local: "xmlns"}, Value: r.service.xmlns}}}
		if err := xml.NewEncoder(&b).EncodeElement(result, start); err != nil {
			return out, nil, err
		}
		open, rest, _ := bytes.Cut(b.Bytes(), []byte(">"))
		out.body = fmt.Appendf(nil, "%s><requestId>%s</requestId>%s", open, r.requestID, rest)
		out.header.Set("Content-Type", "text/xml;charset=UTF-8")
		return out, wire, nil
	}
	return out, nil, fmt.Errorf("operation %s:%s returned %T", r.service.name, r.operation, result)
}

// wire turns an SDK output struct into what travels: maps, slices and scalars with the model's names.
func (r *request) wire(v any) any {
	return toWire(reflect.ValueOf(v), r.service.lowerCamel)
}

func toWire(v reflect.Value, lowerCamel bool) any {
	switch v.Kind() {
	case reflect.Invalid:
		return nil
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return nil
		}
		// A union is an interface holding a pointer to <Union>Member<Name>{Value}.
		if v.Kind() == reflect.Interface && v.Elem().Kind() == reflect.Pointer {
			member := v.Elem().Elem()
			if _, name, ok := strings.Cut(member.Type().Name(), "Member"); ok {
				return map[string]any{wireName(name, lowerCamel): toWire(member.FieldByName("Value"), lowerCamel)}
			}
		}
		return toWire(v.Elem(), lowerCamel)
	case reflect.Struct:
		if t, ok := v.Interface().(time.Time); ok {
			return wireTime(t)
		}
		members := map[string]any{}
		lowerCamel = lowerCamel || v.Type().Name() == "SpaceSummary" // the one QuickSight shape that is written like this
		for i := range v.NumField() {
			field := v.Type().Field(i)
			if !field.IsExported() || field.Name == "ResultMetadata" || field.Name == "XMLName" {
				continue
			}
			value := v.Field(i)
			// Plain strings in SDK structs are enums: an empty one is absent, and so is a nil pointer, list or map.
			if absent(value) {
				continue
			}
			members[wireName(field.Name, lowerCamel)] = toWire(value, lowerCamel)
		}
		return members
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return base64.StdEncoding.EncodeToString(v.Bytes())
		}
		list := make([]any, v.Len())
		for i := range list {
			list[i] = toWire(v.Index(i), lowerCamel)
		}
		return list
	case reflect.Map:
		members := map[string]any{}
		for _, key := range v.MapKeys() {
			members[key.String()] = toWire(v.MapIndex(key), lowerCamel)
		}
		return members
	case reflect.Bool:
		return v.Bool()
	case reflect.Int, reflect.Int32, reflect.Int64:
		return v.Int()
	case reflect.Float32, reflect.Float64:
		return v.Float()
	}
	return v.String()
}

func absent(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface, reflect.Slice, reflect.Map:
		return v.IsNil()
	case reflect.String:
		return v.Len() == 0
	}
	return false
}

func wireName(name string, lowerCamel bool) string {
	if lowerCamel {
		return lowerFirst(name)
	}
	return name
}

func lowerFirst(s string) string {
	r, size := utf8.DecodeRuneInString(s)
	return string(unicode.ToLower(r)) + s[size:]
}

// wireTime is epoch seconds in JSON and ISO 8601 in XML.
type wireTime time.Time

// MarshalJSON writes seconds since the epoch, with milliseconds where there are any.
func (t wireTime) MarshalJSON() ([]byte, error) {
	return []byte(strconv.FormatFloat(float64(time.Time(t).UnixMilli())/1000, 'f', -1, 64)), nil
}

// String is the XML form.
func (t wireTime) String() string { return time.Time(t).UTC().Format("2006-01-02T15:04:05Z") }

// writeQueryXML writes the awsQuery form of a wire value: elements in the order of their names, lists as <member>.
func writeQueryXML(b *bytes.Buffer, v any) {
	switch v := v.(type) {
	case map[string]any:
		for _, name := range sortedKeys(v) {
			fmt.Fprintf(b, "<%s>", name)
			writeQueryXML(b, v[name])
			fmt.Fprintf(b, "</%s>", name)
		}
	case []any:
		for _, item := range v {
			b.WriteString("<member>")
			writeQueryXML(b, item)
			b.WriteString("</member>")
		}
	case nil:
	default:
		b.WriteString(xmlText(fmt.Sprint(v)))
	}
}
