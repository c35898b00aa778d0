package emulator

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"quicksight-unsubscribe/internal/operation"
)

// request is one call on its way through the emulator.
type request struct {
	aws        *AWS
	service    *service
	operation  string
	region     string
	account    string // the caller's
	principal  *principal
	invocation string
	now        time.Time
	requestID  string

	params map[string]any // decoded input: JSON members, path and query members, or form fields
	form   url.Values     // query protocols
	header http.Header
	body   []byte
	ctx    context.Context // the HTTP request's
	ids    int             // how many ids this call has made

	payload []byte // of a Function URL: the event of its function
}

// acct is the caller's account.
func (r *request) acct() *Account { return r.aws.world.Accounts[r.account] }

// actions are the IAM actions that the call needs.
func (r *request) actions(o op) []string {
	if o.actions != nil {
		return o.actions(r)
	}
	if known, ok := operation.Lookup(r.service.name, r.operation); ok {
		return known.IAM()
	}
	return []string{r.service.name + ":" + r.operation}
}

// str returns a text member, "" where it is absent.
func (r *request) str(name string) string {
	if r.form != nil {
		return r.form.Get(name)
	}
	switch v := r.params[name].(type) {
	case nil:
		return ""
	case string:
		return v
	default:
		return fmt.Sprint(v)
	}
}

// has reports whether a member is present and not empty.
func (r *request) has(name string) bool {
	if r.form != nil {
		for key := range r.form {
			if key == name && r.form.Get(name) != "" || strings.HasPrefix(key, name+".") {
				return true
			}
		}
		return false
	}
	switch v := r.params[name].(type) {
	case nil:
		return false
	case string:
		return v != ""
	}
	return true
}

// strs returns a list of texts: JSON lists, Name.1 … of EC2, Name.member.1 … of the query protocol.
func (r *request) strs(name string) []string {
	if r.form != nil {
		var list []string
		for _, prefix := range []string{name + ".", name + ".member."} {
			for i := 1; r.form.Has(prefix + strconv.Itoa(i)); i++ {
				list = append(list, r.form.Get(prefix+strconv.Itoa(i)))
			}
		}
		return list
	}
	switch v := r.params[name].(type) {
	case string:
		return []string{v}
	case []any:
		var list []string
		for _, item := range v {
			if text, ok := item.(string); ok {
				list = append(list, text)
			}
		}
		return list
	}
	return nil
}

// num returns a number member, or fallback where it is absent or no number.
func (r *request) num(name string, fallback int) int {
	n, err := strconv.Atoi(r.str(name))
	if err != nil {
		return fallback
	}
	return n
}

// flag returns a boolean member, false where it is absent.
func (r *request) flag(name string) bool { return strings.EqualFold(r.str(name), "true") }

// id makes an identifier that depends on the call alone: prefix and 17 hexadecimal digits, as EC2's are.
func (r *request) id(prefix string) string {
	r.ids++
	sum := sha256.Sum256(fmt.Appendf(nil, "%s/%d", r.requestID, r.ids))
	return prefix + hex.EncodeToString(sum[:])[:17]
}

// paginate cuts one page out of items. limit is the caller's wish (0: none), standard AWS's own page size. The token is opaque and only
// valid for the same list.
func paginate[T any](r *request, items []T, token string, limit, standard int) (cut []T, next string, ok bool) {
	size := standard
	if limit > 0 {
		size = min(limit, standard)
	}
	if r.aws.pageSize > 0 {
		size = min(size, r.aws.pageSize)
	}
	start := 0
	prefix := r.service.name + ":" + r.operation + ":"
	if token != "" {
		decoded, notBase64 := base64.RawURLEncoding.DecodeString(token)
		rest, found := strings.CutPrefix(string(decoded), prefix)
		var notNumber error
		if start, notNumber = strconv.Atoi(rest); notBase64 != nil || notNumber != nil || !found || start < 0 {
			return nil, "", false
		}
	}
	start = min(start, len(items))
	end := min(start+size, len(items))
	if end < len(items) {
		next = base64.RawURLEncoding.EncodeToString([]byte(prefix + strconv.Itoa(end)))
	}
	return items[start:end], next, true
}

// stableID is 16 characters of the alphabet of AWS's unique ids.
func stableID(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "/")))
	return base32.StdEncoding.EncodeToString(sum[:])[:16]
}

func itoa[T int | int64](n T) string { return strconv.FormatInt(int64(n), 10) }

// strict decodes JSON and refuses unknown members.
func strict(data []byte, into any) error {
	d := json.NewDecoder(strings.NewReader(string(data)))
	d.DisallowUnknownFields()
	return d.Decode(into)
}

// resources are the ids and ARNs that a mutating call names.
func (r *request) resources() []string {
	known, ok := operation.Lookup(r.service.name, r.operation)
	if !ok || !known.Mutating || known.Resource == "" {
		return nil
	}
	if list := r.strs(known.Resource); len(list) > 0 {
		return slices.Clone(list)
	}
	if id := r.str(known.Resource); id != "" {
		return []string{id}
	}
	return nil
}
