package step

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	directory "github.com/aws/aws-sdk-go-v2/service/directoryservice/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"quicksight-unsubscribe/internal/closing"
)

// surroundings are the regions in which a directory or a VPC of QuickSight may be.
type surroundings struct {
	networks []*network
	unread   []string         // regions that an organization's policy denies
	own      belongings       // what is QuickSight's in them, as far as it is known before a directory is found
	oldest   *trace           // what QuickSight has had for longest; nil where that is unknown
	earlier  closing.Material // the plan that an earlier run had committed and may have left half done; zero where there is none
}

// readSurroundings reads the regions' directories and VPCs, and the insides of those VPCs that may be a closing's to delete:
// where a Simple AD lives, what an earlier run left, and what the request names.
func readSurroundings(ctx context.Context, env Env, target aws.Config, request closing.Request, m closing.Material) (surroundings, error) {
	s := surroundings{own: belongingsOf(m)}
	if m.Subscription == nil {
		// The directory goes after the subscription: only an account without one can have been left half done.
		earlier, _, err := env.Record.LastCommitted(ctx, request.AccountID)
		if err != nil {
			return surroundings{}, err
		}
		s.earlier = earlier.Material
	}
	for _, region := range regionsAround(env.Config, request, m.IdentityRegion, s.earlier.VPC.Region) {
		n, err := readCandidates(ctx, target, region, request.VPC.ID(), s.earlier.VPC.ID)
		switch {
		case closing.CodeOf(err) == closing.RegionUnreadable && !env.Config.governs(region): // nobody works there
		case closing.CodeOf(err) == closing.RegionUnreadable:
			s.unread = append(s.unread, region)
		case err != nil:
			return surroundings{}, err
		default:
			s.networks = append(s.networks, n)
		}
	}
	return s, nil
}

// readCandidates reads a region and what is inside and beside its candidates.
func readCandidates(ctx context.Context, target aws.Config, region string, named ...string) (*network, error) {
	n, err := scanNetwork(ctx, target, region)
	if err != nil {
		return nil, err
	}
	candidates := n.candidates(named...)
	if len(candidates) == 0 {
		return n, nil
	}
	if err := n.readInside(ctx, target, candidates); err != nil {
		return nil, err
	}
	if err := n.readBeside(ctx, target); err != nil {
		return nil, err
	}
	return n, n.readWorkloads(ctx, target, directoryUsers)
}

// regionsAround are where a directory or VPC of QuickSight may be: where the request hints, where QuickSight kept its
// directories, where the subscription is, and where an earlier run was.
func regionsAround(config Config, request closing.Request, others ...string) []string {
	return distinct(append([]string{request.IdentityRegion, regionsLike(config.Region)[0]}, others...))
}

// unknown blocks where there is no subscription and a region that might hold what it left could not be searched: that there is
// nothing to close would be a guess.
func (s surroundings) unknown(request closing.Request, m closing.Material) []closing.Blocker {
	if m.Subscription != nil || len(s.unread) == 0 {
		return nil
	}
	return []closing.Blocker{{
		Code: closing.RegionUnreadable, Paste: paste(request, func(*closing.Request) {}),
		Message: "whether the subscription left a directory or a VPC is unknown: an organization's policy denies " + inWords(s.unread) +
			"; except the target roles in it, or leave the regions out of governedRegions if nobody works there",
	}}
}

// candidates are the VPCs whose insides must be known: those with the given ids, and those where a directory is that may be QuickSight's.
func (n *network) candidates(ids ...string) []string {
	for _, d := range n.Directories {
		if d.Type == directory.DirectoryTypeSimpleAd {
			ids = append(ids, vpcOf(d))
		}
	}
	return distinct(ids)
}

var quickSightName = regexp.MustCompile(`(?i)quick[-_ ]?sight`)

func mentionsQuickSight(texts ...string) bool {
	return slices.ContainsFunc(texts, quickSightName.MatchString)
}

// The preview of QuickSight, in which it made a Simple AD and a VPC for itself: announced on 7 October 2015, generally available
// on 15 November 2016. Only accounts of that time show the console's check boxes for deleting both.
var (
	previewBegan = time.Date(2015, 10, 1, 0, 0, 0, 0, time.UTC)
	previewEnded = time.Date(2016, 12, 1, 0, 0, 0, 0, time.UTC)
)

// suspect is a Simple AD directory that may be QuickSight's. No API says that it is, so evidence has to.
type suspect struct {
	network   *network
	directory directory.DirectoryDescription
	evidence  []closing.Evidence
	home      bool     // it is where QuickSight kept its directories, as are those of anybody else
	marks     int      // how many other facts speak for it
	doubts    int      // how many speak against it
	uses      []string // what else lives of it: deleting it would take that along
}

func (d suspect) id() string { return aws.ToString(d.directory.DirectoryId) }

// strong tells whether a directory may be deleted without anybody naming it.
func (d suspect) strong() bool {
	return (d.marks >= 2 || d.marks == 1 && d.home) && d.doubts == 0 && len(d.uses) == 0
}

func (d *suspect) pro(format string, args ...any) {
	d.marks++
	d.evidence = append(d.evidence, closing.Evidence{About: d.id(), For: true, Fact: fmt.Sprintf(format, args...)})
}

// fits notes what speaks for a directory and proves too little to count: it holds for those of others as well.
func (d *suspect) fits(format string, args ...any) {
	d.pro(format, args...)
	d.marks--
}

func (d *suspect) contra(format string, args ...any) {
	d.doubts++
	d.evidence = append(d.evidence, closing.Evidence{About: d.id(), For: false, Fact: fmt.Sprintf(format, args...)})
}

func (d *suspect) usedBy(use string) {
	d.uses = append(d.uses, use)
	d.evidence = append(d.evidence, closing.Evidence{About: d.id(), For: false, Fact: "used by others: " + use})
}

// suspects are the Simple AD directories of all regions that were read, with what speaks for and against each.
func (s surroundings) suspects() []suspect {
	var found []suspect
	for _, n := range s.networks {
		for _, d := range n.Directories {
			if d.Type == directory.DirectoryTypeSimpleAd && d.Stage != directory.DirectoryStageDeleted {
				found = append(found, s.examine(n, d))
			}
		}
	}
	return found
}

// settledStages are those of a directory on which nobody is at work; Deleting is where an earlier run may have left it.
var settledStages = []directory.DirectoryStage{
	directory.DirectoryStageActive, directory.DirectoryStageDeleting, directory.DirectoryStageFailed,
	directory.DirectoryStageImpaired, directory.DirectoryStageInoperable,
}

func (s surroundings) examine(n *network, described directory.DirectoryDescription) suspect {
	d := suspect{network: n, directory: described}
	if n.Region == regionsLike(n.Region)[0] {
		d.fits("it is in %s, where QuickSight kept its user directories", n.Region)
		d.home = true
	}
	if s.earlier.Directory.Fate == closing.FateDelete && s.earlier.Directory.ID == d.id() {
		d.pro("the approved plan of an earlier run names it")
	}
	if mentionsQuickSight(aws.ToString(described.Name), aws.ToString(described.ShortName), aws.ToString(described.Alias), aws.ToString(described.Description)) {
		d.pro("its name or description mentions QuickSight")
	}
	switch launched := described.LaunchTime; {
	case launched == nil:
	case launched.After(previewBegan) && launched.Before(previewEnded):
		d.pro("it was launched on %s, in QuickSight's preview", launched.UTC().Format(time.DateOnly))
	default:
		d.contra("it was launched on %s, not in QuickSight's preview", launched.UTC().Format(time.DateOnly))
	}
	s.compareAge(&d)
	if !slices.Contains(settledStages, described.Stage) {
		d.usedBy(fmt.Sprintf("somebody is at work on it, its stage is %q", described.Stage))
	}
	if described.SsoEnabled {
		d.usedBy("single sign-on is enabled")
	}
	for _, o := range n.DHCPOptions {
		if n.namesServers(o, described.DnsIpAddrs) {
			d.usedBy(fmt.Sprintf("DHCP options %s make it the name server of a VPC", aws.ToString(o.DhcpOptionsId)))
		}
	}
	for _, v := range n.ClientVPNs {
		for _, a := range v.AuthenticationOptions {
			if a.ActiveDirectory != nil && aws.ToString(a.ActiveDirectory.DirectoryId) == d.id() {
				d.usedBy(fmt.Sprintf("client VPN endpoint %s authenticates people with it", aws.ToString(v.ClientVpnEndpointId)))
			}
		}
	}
	if described.VpcSettings != nil { // which Directory Service then cannot delete, either
		for _, g := range n.Groups {
			if namesGroup(g, aws.ToString(described.VpcSettings.SecurityGroupId)) {
				d.usedBy(fmt.Sprintf("security group %s names its controllers' group", aws.ToString(g.GroupId)))
			}
		}
	}
	for _, w := range n.Workloads {
		if w.Directory == d.id() || w.Directory == anyDirectory {
			d.usedBy(fmt.Sprintf("%s %s", w.Kind, w.ID))
		}
	}
	for _, f := range n.classify(vpcOf(described), s.own.with(describeDirectory(d))).Foreign { // what is joined to the directory shows nowhere else
		if f.ID != vpcOf(described) { // whose VPC it is says nothing of the directory
			d.usedBy(f.String() + " is in its VPC")
		}
	}
	return d
}

// signUp is how long after an account was subscribed QuickSight may still have made its directory.
const signUp = 30 * 24 * time.Hour

// compareAge compares a directory's age with that of QuickSight's account, which is at least as old as the oldest thing in it.
func (s surroundings) compareAge(d *suspect) {
	launched := d.directory.LaunchTime
	switch {
	case launched == nil || s.oldest == nil:
	case launched.Before(s.oldest.Since.Add(signUp)):
		d.fits("it is no younger than what QuickSight has had for longest, %s of %s", s.oldest.What, s.oldest.Since.Format(time.DateOnly))
	default:
		d.contra("it was launched %d days after QuickSight was in use: %s is of %s", int(launched.Sub(s.oldest.Since).Hours()/24), s.oldest.What, s.oldest.Since.Format(time.DateOnly))
	}
}

// namesServers tells whether DHCP options name one of the addresses as a name server.
func (n *network) namesServers(o types.DhcpOptions, addresses []string) bool {
	return slices.ContainsFunc(o.DhcpConfigurations, func(c types.DhcpConfiguration) bool {
		return aws.ToString(c.Key) == "domain-name-servers" && slices.ContainsFunc(c.Values, func(v types.AttributeValue) bool {
			return slices.Contains(addresses, aws.ToString(v.Value))
		})
	})
}

// decideDirectory decides what becomes of the directory. It names what it finds; only a strong candidate, or one that the
// request picks among candidates with evidence, goes.
func (s surroundings) decideDirectory(request closing.Request, denied []string) (closing.Directory, []closing.Evidence, []closing.Blocker) {
	denied = deniedActions(denied, "ds:DeleteDirectory", "ec2:DeleteNetworkInterface", "ec2:DeleteSecurityGroup", "ec2:RevokeSecurityGroup")
	found := s.suspects()
	var evidence []closing.Evidence
	for _, d := range found {
		evidence = append(evidence, d.evidence...)
	}
	if request.Directory.ID() != "" {
		d, blocker := s.pickDirectory(request, found, denied)
		if blocker != nil {
			return d, evidence, []closing.Blocker{*blocker}
		}
		return d, evidence, nil
	}
	strong := slices.DeleteFunc(slices.Clone(found), func(d suspect) bool { return !d.strong() })
	var kept closing.Directory
	switch {
	case len(found) == 0 && len(s.unread) == 0:
		return closing.Directory{Fate: closing.FateNone}, evidence, nil
	case len(found) == 0:
		return closing.Directory{Fate: closing.FateKeep, Why: "not searched for in " + inWords(s.unread) + ", which an organization's policy denies"}, evidence, nil
	case len(found) == 1:
		kept = describeDirectory(found[0])
	}
	kept.Fate = closing.FateKeep
	switch {
	case request.Directory == closing.Keep:
		kept.Why = "the request says so"
	case len(strong) == 1 && len(denied) > 0:
		kept.Why = fmt.Sprintf("%s is explicitly denied %s", RoleClose, inWords(denied))
	case len(strong) == 1:
		kept = describeDirectory(strong[0])
		kept.Fate = closing.FateDelete
	case len(found) == 1 && len(found[0].uses) > 0:
		kept.Why = "others use it: " + strings.Join(found[0].uses, "; ")
	case len(found) == 1:
		kept.Why = "too little shows that it is QuickSight's; the request can name it"
	default:
		var ids []string
		for _, d := range found {
			ids = append(ids, d.id())
		}
		kept.Why = "which of " + inWords(ids) + " is QuickSight's is not certain; the request can name one"
	}
	return kept, evidence, nil
}

// pickDirectory judges the directory that the request names.
func (s surroundings) pickDirectory(request closing.Request, found []suspect, denied []string) (closing.Directory, *closing.Blocker) {
	id := request.Directory.ID()
	without := paste(request, func(r *closing.Request) { r.Directory = closing.Keep })
	block := func(kept closing.Directory, code closing.Code, format string, args ...any) (closing.Directory, *closing.Blocker) {
		kept.Fate, kept.ID = closing.FateKeep, id
		kept.Why = fmt.Sprintf(format, args...)
		return kept, &closing.Blocker{Code: code, Message: fmt.Sprintf("directory %s cannot be deleted safely: %s", id, kept.Why), Paste: without}
	}
	for _, n := range s.networks {
		if d := n.directory(id); d != nil && d.Type != directory.DirectoryTypeSimpleAd {
			kept := closing.Directory{Region: n.Region, Type: string(d.Type), Name: aws.ToString(d.Name), VPC: vpcOf(*d)}
			return block(kept, closing.NoEvidence, "it is a %s, and QuickSight's own was a SimpleAD", d.Type)
		}
	}
	at := slices.IndexFunc(found, func(d suspect) bool { return d.id() == id })
	switch {
	case at < 0 && s.earlier.Directory.Fate == closing.FateDelete && s.earlier.Directory.ID == id:
		return closing.Directory{Fate: closing.FateNone, Why: "an earlier run has deleted " + id}, nil
	case at < 0 && len(s.unread) > 0:
		return block(closing.Directory{}, closing.RegionUnreadable, "it was not found, and %s could not be searched", inWords(s.unread))
	case at < 0:
		return block(closing.Directory{}, closing.NoEvidence, "there is no such directory in %s", s.searched())
	}
	d := found[at]
	kept := describeDirectory(d)
	switch {
	case d.marks == 0:
		return block(kept, closing.NoEvidence, "nothing shows that it is QuickSight's")
	case len(d.uses) > 0:
		return block(kept, closing.Blocked, "others use it: %s", strings.Join(d.uses, "; "))
	case len(denied) > 0:
		return block(kept, closing.MissingPermission, "%s is explicitly denied %s", RoleClose, inWords(denied))
	}
	kept.Fate = closing.FateDelete
	return kept, nil
}

// searched names the regions that were searched.
func (s surroundings) searched() string {
	var regions []string
	for _, n := range s.networks {
		regions = append(regions, n.Region)
	}
	return inWords(regions)
}

// describeDirectory puts a directory into its material form, with what AWS deletes along with it.
func describeDirectory(d suspect) closing.Directory {
	out := closing.Directory{
		ID: d.id(), Region: d.network.Region, Type: string(d.directory.Type), Name: aws.ToString(d.directory.Name), VPC: vpcOf(d.directory),
	}
	if d.directory.VpcSettings != nil {
		out.SecurityGroup = aws.ToString(d.directory.VpcSettings.SecurityGroupId)
	}
	for _, e := range d.network.Interfaces {
		if m := directoryInterface.FindStringSubmatch(aws.ToString(e.Description)); m != nil && m[1] == d.id() {
			out.Interfaces = append(out.Interfaces, aws.ToString(e.NetworkInterfaceId))
		}
	}
	return out
}
