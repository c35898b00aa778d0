package step

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"quicksight-unsubscribe/internal/closing"
)

// directoryGroup matches the name of a security group that Directory Service makes for a directory.
var directoryGroup = regexp.MustCompile(`^d-[0-9a-f]{10}_controllers$`)

// decideVPC decides what becomes of the VPC. Without an id in the request, only one is a candidate: that of the directory, or
// the one that an earlier run has left.
func (s surroundings) decideVPC(request closing.Request, m closing.Material, denied []string) (closing.VPC, []closing.Evidence, []closing.Blocker) {
	own, d := belongingsOf(m), m.Directory
	if d.Fate == closing.FateNone && s.earlier.Directory.Fate == closing.FateDelete {
		own = own.with(s.earlier.Directory) // gone, and perhaps its interfaces are not yet
	}
	if request.VPC.ID() != "" {
		return s.pickVPC(request, own, d, denied)
	}
	id := s.suspectedVPC(d)
	v, contents := s.describeVPC(id, own)
	evidence := s.vpcEvidence(id, own, d)
	denied = contents.needs(denied)
	switch {
	case !contents.Found && d.Fate == closing.FateKeep:
		return closing.VPC{Fate: closing.FateKeep, Why: "the directory that it would belong to stays: " + d.Why}, nil, nil
	case !contents.Found:
		return closing.VPC{Fate: closing.FateNone}, nil, nil
	case request.VPC == closing.Keep:
		v.Why = "the request says so"
	case d.Fate == closing.FateKeep:
		_, beside := s.describeVPC(id, own.with(d)) // the directory is named already; what else is in it is not
		v.Why = "directory " + d.ID + ", which stays, lives in it" + alsoForeign(beside)
	case len(contents.Foreign) > 0:
		v.Why = "it holds what is not QuickSight's" + alsoForeign(contents)
	case len(own.connectionsInto(id)) > 0:
		v.Why = "QuickSight's VPC connections lead into it, so that it holds what QuickSight read from"
	case len(denied) > 0:
		v.Why = fmt.Sprintf("%s is explicitly denied %s", RoleClose, inWords(denied))
	default:
		v = deleted(v, contents)
	}
	return v, evidence, nil
}

// pickVPC judges the VPC that the request names.
func (s surroundings) pickVPC(request closing.Request, own belongings, d closing.Directory, denied []string) (closing.VPC, []closing.Evidence, []closing.Blocker) {
	id := request.VPC.ID()
	v, contents := s.describeVPC(id, own)
	evidence := s.vpcEvidence(id, own, d)
	denied = contents.needs(denied)
	block := func(code closing.Code, format string, args ...any) (closing.VPC, []closing.Evidence, []closing.Blocker) {
		v.Why = fmt.Sprintf(format, args...)
		return v, evidence, []closing.Blocker{{
			Code: code, Message: fmt.Sprintf("VPC %s cannot be deleted safely: %s", id, v.Why),
			Paste: paste(request, func(r *closing.Request) { r.VPC = closing.Keep }),
		}}
	}
	switch {
	case !contents.Found && s.earlier.VPC.Fate == closing.FateDelete && s.earlier.VPC.ID == id:
		return closing.VPC{Fate: closing.FateNone, Why: "an earlier run has deleted " + id}, nil, nil
	case !contents.Found && len(s.unread) > 0:
		return block(closing.RegionUnreadable, "it was not found, and %s could not be searched", inWords(s.unread))
	case !contents.Found:
		return block(closing.NoEvidence, "there is no such VPC in %s", s.searched())
	case !slices.ContainsFunc(evidence, func(e closing.Evidence) bool { return e.For }):
		return block(closing.NoEvidence, "nothing shows that it was made for QuickSight")
	case len(own.connectionsInto(id)) > 0:
		return block(closing.Blocked, "QuickSight's VPC connections lead into it, so that it holds what QuickSight read from")
	case len(contents.Foreign) > 0:
		return block(closing.Blocked, "it holds what is not QuickSight's%s", alsoForeign(contents))
	case len(denied) > 0:
		return block(closing.MissingPermission, "%s is explicitly denied %s", RoleClose, inWords(denied))
	}
	return deleted(v, contents), evidence, nil
}

// deleteActions are the IAM actions that deleting a VPC's resources needs, by kind.
var deleteActions = map[string][]string{
	"subnet": {"ec2:DeleteSubnet"}, "nat": {"ec2:DeleteNatGateway"}, "vpce": {"ec2:DeleteVpcEndpoints"}, "eni": {"ec2:DeleteNetworkInterface"},
	"igw": {"ec2:DetachInternetGateway", "ec2:DeleteInternetGateway"}, "eigw": {"ec2:DeleteEgressOnlyInternetGateway"},
	"rtb": {"ec2:DeleteRouteTable"}, "rtbassoc": {"ec2:DisassociateRouteTable"}, "acl": {"ec2:DeleteNetworkAcl"},
	"sg": {"ec2:DeleteSecurityGroup"}, closing.KindGroupRules: {"ec2:RevokeSecurityGroupIngress", "ec2:RevokeSecurityGroupEgress"},
}

// needs are those of the denied actions that deleting the VPC with its contents would need.
func (c vpcContents) needs(denied []string) []string {
	needed := []string{"ec2:DeleteVpc"}
	for _, r := range c.Resources {
		needed = append(needed, deleteActions[r.Kind]...)
	}
	return slices.DeleteFunc(slices.Clone(denied), func(action string) bool { return !slices.Contains(needed, action) })
}

func deleted(v closing.VPC, contents vpcContents) closing.VPC {
	v.Fate, v.Resources, v.Left = closing.FateDelete, contents.Resources, contents.Left
	return v
}

// alsoForeign names everything foreign, behind a colon.
func alsoForeign(contents vpcContents) string {
	if len(contents.Foreign) == 0 {
		return ""
	}
	var names []string
	for _, f := range contents.Foreign {
		names = append(names, f.String())
	}
	return ": " + strings.Join(names, "; ")
}

// describeVPC finds a VPC in the regions that were read, and what it holds. It is kept until somebody decides otherwise.
func (s surroundings) describeVPC(id string, own belongings) (closing.VPC, vpcContents) {
	for _, n := range s.networks {
		if contents := n.classify(id, own); contents.Found {
			return closing.VPC{Fate: closing.FateKeep, ID: id, Region: n.Region, CIDR: contents.CIDR}, contents
		}
	}
	return closing.VPC{Fate: closing.FateKeep, ID: id}, vpcContents{}
}

// suspectedVPC is the one VPC that may be QuickSight's without anybody naming it, or "".
func (s surroundings) suspectedVPC(d closing.Directory) string {
	if d.VPC == "" && d.Fate == closing.FateNone && s.earlier.VPC.Fate == closing.FateDelete {
		return s.earlier.VPC.ID
	}
	return d.VPC
}

// vpcEvidence is what shows that QuickSight has used a VPC: its directory, or the traces of one. That a VPC connection leads into it
// shows the opposite: people connect QuickSight to networks that hold their own databases.
func (s surroundings) vpcEvidence(id string, own belongings, d closing.Directory) []closing.Evidence {
	var evidence []closing.Evidence
	say := func(pro bool, format string, args ...any) {
		evidence = append(evidence, closing.Evidence{About: id, For: pro, Fact: fmt.Sprintf(format, args...)})
	}
	if d.VPC == id && d.ID != "" {
		say(true, "directory %s lives in it", d.ID)
	}
	if s.earlier.VPC.Fate == closing.FateDelete && s.earlier.VPC.ID == id {
		say(true, "the approved plan of an earlier run names it")
	}
	for _, n := range s.networks {
		for _, trace := range n.directoryTraces(id) {
			say(true, "it holds %s, left by a directory that is gone", trace)
		}
		if d.ID != "" && d.VPC != id && n.resolvesBy(id, d) {
			say(true, "its DHCP options name the addresses of directory %s", d.ID)
		}
	}
	for _, c := range own.connectionsInto(id) {
		say(false, "QuickSight's VPC connection %s leads into it", c.ID)
	}
	return evidence
}

// connectionsInto are the VPC connections that lead into a VPC.
func (b belongings) connectionsInto(vpc string) []closing.VPCConnection {
	return slices.DeleteFunc(slices.Clone(b.Connections), func(c closing.VPCConnection) bool { return c.VPC != vpc })
}

// directoryTraces are what Directory Service made in a VPC for directories that are gone: security groups and interfaces.
func (n *network) directoryTraces(vpc string) []string {
	var traces []string
	for _, g := range n.Groups {
		name := aws.ToString(g.GroupName)
		if aws.ToString(g.VpcId) == vpc && directoryGroup.MatchString(name) && n.directory(strings.TrimSuffix(name, "_controllers")) == nil {
			traces = append(traces, "security group "+name)
		}
	}
	for _, e := range n.Interfaces {
		m := directoryInterface.FindStringSubmatch(aws.ToString(e.Description))
		if aws.ToString(e.VpcId) == vpc && m != nil && n.directory(m[1]) == nil {
			traces = append(traces, fmt.Sprintf("interface %s of %s", aws.ToString(e.NetworkInterfaceId), m[1]))
		}
	}
	return traces
}

// resolvesBy tells whether a VPC's DHCP options name a directory's addresses.
func (n *network) resolvesBy(vpc string, d closing.Directory) bool {
	v, described := n.vpc(vpc), n.directory(d.ID)
	return v != nil && described != nil && slices.ContainsFunc(n.DHCPOptions, func(o types.DhcpOptions) bool {
		return aws.ToString(o.DhcpOptionsId) == aws.ToString(v.DhcpOptionsId) && n.namesServers(o, described.DnsIpAddrs)
	})
}
