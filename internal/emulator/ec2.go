package emulator

import (
	"encoding/xml"
	"maps"
	"slices"
	"strings"
)

// ec2Operations are all operations of EC2, by the file of the resource that they are about.
var ec2Operations = merge(ec2RegionOperations, ec2VPCOperations, ec2RouteOperations, ec2GroupOperations, ec2GatewayOperations, ec2InterfaceOperations, ec2EndpointOperations)

func merge(tables ...map[string]op) map[string]op {
	all := map[string]op{}
	for _, t := range tables {
		maps.Copy(all, t)
	}
	return all
}

// ec2Before answers DryRun=true, where the caller is authorized and nothing happens, and keeps for later reads what is there before a write.
func ec2Before(r *request) error {
	if r.flag("DryRun") {
		return &APIError{Code: "DryRunOperation", Message: "Request would have succeeded, but DryRun flag is set.", Status: 412}
	}
	if strings.HasPrefix(r.operation, "Describe") {
		return nil
	}
	r.acct().network(r.region).remember(r.now)
	return nil
}

// xmlTag is one tag of an answer.
type xmlTag struct {
	Key   string `xml:"key"`
	Value string `xml:"value"`
}

func xmlTags(tags map[string]string) []xmlTag {
	var out []xmlTag
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		out = append(out, xmlTag{key, tags[key]})
	}
	return out
}

// xmlReturn is the answer of an operation that has nothing to say.
type xmlReturn struct {
	Return bool `xml:"return"`
}

// xmlSet is a list whose element name depends on the operation.
type xmlSet struct {
	XMLName xml.Name
	Items   []any `xml:"item"`
}

// ec2ARN is the ARN of a resource of EC2, of a kind as the service authorization reference names it.
func ec2ARN(r *request, kind, id string) string {
	return "arn:aws:ec2:" + r.region + ":" + r.account + ":" + kind + "/" + id
}
