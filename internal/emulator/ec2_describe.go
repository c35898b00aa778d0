package emulator

import (
	"cmp"
	"encoding/base64"
	"encoding/xml"
	"path"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// kind is how EC2 describes one kind of resource.
type kind[T resource] struct {
	arn      string // resource type in ARNs
	noun     string // as in "The vpc ID 'vpc-1' does not exist"
	id       string // member that holds an id, and in describe operations the list of ids
	notFound string // error code for an unknown id
	set      string // element that holds the resources
	list     func(*Network) list[T]
	filters  func(*request, T) map[string][]string // what a resource has for each filter, beside tags; nil: no filters
	wire     func(*request, T) any
	hidden   func(T) bool // shown only with IncludeManagedResources; nil: never
	unpaged  bool         // describes everything at once
	minimum  int          // of MaxResults; 0: 5
}

// describe is the kind's Describe operation.
func (k kind[T]) describe() op {
	return op{run: func(r *request) (any, error) {
		chosen, err := k.choose(r)
		if err != nil {
			return nil, err
		}
		next := ""
		if !k.unpaged {
			chosen, next, err = page(r, chosen, cmp.Or(k.minimum, 5), len(r.strs(k.id)) > 0)
			if err != nil {
				return nil, err
			}
		}
		out := ec2Page{Set: xmlSet{XMLName: xml.Name{Local: k.set}}, NextToken: next}
		for _, item := range chosen {
			out.Set.Items = append(out.Set.Items, k.wire(r, item))
		}
		return out, nil
	}}
}

type ec2Page struct {
	Set       xmlSet
	NextToken string `xml:"nextToken,omitempty"`
}

// choose returns the resources that the ids and filters of a request select, ordered by id.
func (k kind[T]) choose(r *request) ([]T, error) {
	all := k.list(r.network())
	var chosen []T
	if ids := r.strs(k.id); len(ids) > 0 {
		for _, id := range ids {
			item, err := k.find(r, id)
			if err != nil {
				return nil, err
			}
			chosen = append(chosen, item)
		}
	} else {
		chosen = slices.Clone(all)
	}
	// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeNetworkInterfaces.html: resources that services manage may be invisible.
	if k.hidden != nil && !r.flag("IncludeManagedResources") {
		chosen = slices.DeleteFunc(chosen, k.hidden)
	}
	filters, err := r.filters()
	if err != nil {
		return nil, err
	}
	for _, f := range filters {
		if !k.filterable(r, f.name) {
			return nil, apiError("InvalidParameterValue", "The filter '%s' is invalid", f.name)
		}
		chosen = slices.DeleteFunc(chosen, func(item T) bool { return !f.matches(k.values(r, item, f.name)) })
	}
	slices.SortFunc(chosen, func(a, b T) int { return strings.Compare(a.resource().ID, b.resource().ID) })
	return chosen, nil
}

// find is the resource of an id, or AWS's refusal.
func (k kind[T]) find(r *request, id string) (T, error) {
	item, ok := k.list(r.network()).find(id)
	if !ok {
		return item, apiError(k.notFound, "The %s ID '%s' does not exist", k.noun, id)
	}
	return item, nil
}

// values are what a resource has for a filter.
func (k kind[T]) values(r *request, item T, filter string) []string {
	tags := item.resource().Tags
	if filter == "tag-key" {
		return sortedKeys(tags)
	}
	if key, ok := strings.CutPrefix(filter, "tag:"); ok {
		return []string{tags[key]}
	}
	return k.filters(r, item)[filter]
}

// filterable reports whether the kind has a filter, whatever resources there are.
func (k kind[T]) filterable(r *request, filter string) bool {
	if filter == "tag-key" || strings.HasPrefix(filter, "tag:") {
		return true
	}
	if k.filters == nil {
		return false
	}
	blank, _ := reflect.New(reflect.TypeFor[T]().Elem()).Interface().(T)
	_, ok := k.filters(r, blank)[filter]
	return ok
}

// remove is a delete operation that takes effect at once.
func (k kind[T]) remove(answer any) op {
	return k.act(func(r *request, n *Network, item T) (any, error) {
		n.remove(item.resource().ID)
		return answer, nil
	})
}

// act is an operation on one resource that the request names.
func (k kind[T]) act(do func(*request, *Network, T) (any, error)) op {
	return op{
		required: []string{k.id},
		resource: func(r *request) []string { return []string{ec2ARN(r, k.arn, r.str(k.id))} },
		context:  k.context,
		run: func(r *request) (any, error) {
			item, err := k.find(r, r.str(k.id))
			if err != nil {
				return nil, err
			}
			return do(r, r.network(), item)
		},
	}
}

// context holds the condition keys that depend on the resource: its VPC and its tags.
func (k kind[T]) context(r *request) condition {
	keys := condition{}
	item, ok := k.list(r.network()).find(r.str(k.id))
	if !ok {
		return keys
	}
	if k.arn != "vpc" && k.filterable(r, "vpc-id") {
		keys["ec2:Vpc"] = []string{ec2ARN(r, "vpc", k.values(r, item, "vpc-id")[0])}
	}
	for key, value := range item.resource().Tags {
		keys["aws:ResourceTag/"+key] = []string{value}
		keys["ec2:ResourceTag/"+key] = []string{value}
	}
	return keys
}

// ec2Filter is one filter of a request.
type ec2Filter struct {
	name   string
	values []string
}

// matches reports whether any value equals one of the filter's, in which * and ? are wildcards: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html
func (f ec2Filter) matches(values []string) bool {
	return slices.ContainsFunc(f.values, func(pattern string) bool {
		return slices.ContainsFunc(values, func(value string) bool { return value != "" && like(pattern, value) })
	})
}

// like matches a filter's pattern. Values may hold slashes, which path.Match would not step over.
func like(pattern, value string) bool {
	const slash = "\x00"
	escape := strings.NewReplacer("/", slash, "[", `\[`)
	ok, err := path.Match(escape.Replace(pattern), strings.ReplaceAll(value, "/", slash))
	return err == nil && ok
}

// filters reads Filter.n.Name and Filter.n.Value.m.
func (r *request) filters() ([]ec2Filter, error) {
	var filters []ec2Filter
	for i := 1; ; i++ {
		prefix := "Filter." + strconv.Itoa(i)
		name := r.str(prefix + ".Name")
		values := r.strs(prefix + ".Value")
		if name == "" && len(values) == 0 {
			return filters, nil
		}
		if name == "" || len(values) == 0 {
			return nil, apiError("InvalidParameterValue", "A filter must have a name and at least one value")
		}
		filters = append(filters, ec2Filter{name, values})
	}
}

// page cuts the resources that follow the request's token. The token names the last one seen, so that deleting between two
// pages loses nothing.
func page[T resource](r *request, all []T, minimum int, byID bool) ([]T, string, error) {
	limit := len(all)
	if text := r.str("MaxResults"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < minimum || n > 1000 {
			return nil, "", apiError("InvalidParameterValue", "Value ( %s ) for parameter maxResults is invalid. Expecting a value between %d and 1000.", text, minimum)
		}
		limit = n
	}
	if r.aws.pageSize > 0 && !byID {
		limit = min(limit, r.aws.pageSize)
	}
	prefix := r.operation + "/"
	if token := r.str("NextToken"); token != "" {
		text, err := base64.RawURLEncoding.DecodeString(token)
		after, ok := strings.CutPrefix(string(text), prefix)
		if err != nil || !ok {
			return nil, "", apiError("InvalidNextToken", "The token '%s' is invalid", token)
		}
		all = slices.DeleteFunc(all, func(item T) bool { return item.resource().ID <= after })
	}
	if len(all) <= limit {
		return all, "", nil
	}
	all = all[:limit]
	return all, base64.RawURLEncoding.EncodeToString([]byte(prefix + all[limit-1].resource().ID)), nil
}

// network is what EC2 holds for the caller where it calls; reads may see it with a delay.
func (r *request) network() *Network {
	n := r.acct().network(r.region)
	if strings.HasPrefix(r.operation, "Describe") {
		return n.seen(r.now)
	}
	return n
}
