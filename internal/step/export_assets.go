package step

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/quicksight"

	"quicksight-unsubscribe/internal/clock"
	"quicksight-unsubscribe/internal/closing"
	"quicksight-unsubscribe/internal/record"
)

// ExportAssets saves what can be saved of the plan that was approved, and writes down what could not: asset bundles where QuickSight
// exports, descriptions where it does not. It only reads, and goes on where it was. What has been saved in an earlier round and has not
// changed since is not saved again.
func ExportAssets(env Env) Handler {
	return func(ctx context.Context, in Input) (Result, error) {
		g, err := env.gate(ctx, in)
		if err != nil {
			return Result{}, err
		}
		if verdict := g.verdict(clock.Now(ctx)); verdict != Approved {
			return in.done(verdict, ListOf()), nil // somebody has cancelled: Commit Plan ends the run
		}
		folder := env.folder(in)
		if _, err := folder.Manifest(ctx, in.Run.Round, in.Run.Digest); !errors.Is(err, record.ErrNotFound) {
			return in.done("", ListOf()), err // nil: an earlier call of this step is through
		}
		x := &exporting{Env: env, in: in, folder: folder, plan: g.plan.Material}
		if err := x.resume(ctx); err != nil {
			return Result{}, err
		}
		working := x.work(ctx)
		if err := errors.Join(working, folder.PutExport(ctx, in.Run.Round, x.export)); err != nil {
			return Result{}, err
		}
		if left := x.left(); len(left) > 0 {
			remaining := ListOf(left...)
			if err := in.overdue(clock.Now(ctx), env.Config.ExportBudget, remaining); err != nil {
				return Result{}, err
			}
			return in.waiting(15*time.Second, time.Minute, remaining, ListOf()), nil
		}
		if _, err := folder.PutManifest(ctx, x.manifest(clock.Now(ctx))); err != nil {
			return Result{}, fmt.Errorf("write the manifest of round %d: %w", in.Run.Round, err)
		}
		return in.done("", ListOf()), nil
	}
}

// exporting is one invocation of the step.
type exporting struct {
	Env
	in     Input
	folder *record.Folder
	plan   closing.Material
	target aws.Config
	export
}

// export is how far the round has come, as the record keeps it.
type export struct {
	Kept         []closing.Saved    `json:"kept,omitempty"` // by an earlier round
	Jobs         []exportJob        `json:"jobs,omitempty"`
	Descriptions []assetDescription `json:"descriptions,omitempty"`
	Failed       []closing.Unsaved  `json:"failed,omitempty"`
}

// assetDescription is one asset that is saved as QuickSight describes it.
type assetDescription struct {
	Asset  closing.Asset     `json:"asset"`
	Saved  *closing.Saved    `json:"saved,omitempty"`
	Failed []closing.Unsaved `json:"failed,omitempty"`
}

func (d assetDescription) done() bool { return d.Saved != nil || d.Failed != nil }

const (
	// exportReserve is what this step leaves of its invocation, for the call that is under way and for writing.
	exportReserve = 90 * time.Second
	// descriptionLanes is how many descriptions are read at a time.
	descriptionLanes = 4
)

// exportPolicy is what a session of this step may do: nothing that changes the account.
func exportPolicy() Policy {
	return Policy{{Actions: []string{"quicksight:List*", "quicksight:Describe*", "quicksight:StartAssetBundleExportJob"}}}
}

// resume goes on with the round's export, or begins it.
func (x *exporting) resume(ctx context.Context) error {
	err := x.folder.Export(ctx, x.in.Run.Round, &x.export)
	if err == nil || !errors.Is(err, record.ErrNotFound) {
		return err
	}
	if x.plan.NotSaved != "" || x.plan.Subscription == nil {
		return nil // nothing is to be saved, as the approver saw; or there is nothing
	}
	saved, err := x.savedBefore(ctx)
	if err != nil {
		return err
	}
	var bundled []closing.Asset
	for _, a := range x.everything() {
		how := savings[a.Kind]
		switch {
		case saved[a.ARN]:
		case how.bundled > 0 && x.plan.Subscription.Edition != "STANDARD": // which exports nothing
			bundled = append(bundled, a)
		case how.described != "" || a.Kind == kindPeople:
			x.Descriptions = append(x.Descriptions, assetDescription{Asset: a})
		}
	}
	slices.SortStableFunc(bundled, func(a, b closing.Asset) int {
		return cmp.Or(cmp.Compare(a.Region, b.Region), cmp.Compare(savings[a.Kind].bundled, savings[b.Kind].bundled), cmp.Compare(a.ARN, b.ARN))
	})
	for len(bundled) > 0 {
		n := 0
		for n < len(bundled) && n < mostPerBundle && bundled[n].Region == bundled[0].Region {
			n++
		}
		x.queue(bundled[0].Region, arnsOf(bundled[:n]))
		bundled = bundled[n:]
	}
	return nil
}

// everything is what of the plan may be saved: its assets, its VPC connections, and the people.
func (x *exporting) everything() []closing.Asset {
	all := slices.Clone(x.plan.Assets)
	for _, c := range x.plan.VPCConnections {
		all = append(all, closing.Asset{ARN: c.ARN, Kind: kindVPCConnection, Region: c.Region})
	}
	if len(x.plan.Users) > 0 {
		all = append(all, closing.Asset{ARN: kindPeople, Kind: kindPeople, Region: x.plan.IdentityRegion})
	}
	return all
}

// savedBefore keeps those bundles and descriptions of the round before whose every asset is as it was, and tells which assets
// they hold. What QuickSight gives no time of change for is read again.
func (x *exporting) savedBefore(ctx context.Context) (map[string]bool, error) {
	saved := map[string]bool{}
	round := x.in.Run.Round - 1
	if round == 0 {
		return saved, nil
	}
	plan, err := x.folder.Plan(ctx, record.PlanName(round), round)
	if err != nil {
		return nil, fmt.Errorf("read the plan of round %d: %w", round, err)
	}
	before, err := x.folder.Manifest(ctx, round, plan.Digest)
	if errors.Is(err, record.ErrNotFound) {
		return saved, nil
	}
	if err != nil {
		return nil, err
	}
	updated := map[string]time.Time{}
	for _, a := range plan.Material.Assets {
		if a.Updated != nil {
			updated[a.ARN] = *a.Updated
		}
	}
	same := map[string]bool{}
	for _, a := range x.plan.Assets {
		was, known := updated[a.ARN]
		same[a.ARN] = known && a.Updated != nil && a.Updated.Equal(was)
	}
	for _, s := range slices.Concat(before.Exported, before.Described) {
		if slices.ContainsFunc(s.ARNs, func(arn string) bool { return !same[arn] }) {
			continue
		}
		x.Kept = append(x.Kept, s)
		for _, arn := range s.ARNs {
			saved[arn] = true
		}
	}
	return saved, nil
}

// work looks after the jobs that run, starts as many as may run, and reads descriptions, for as long as the invocation lasts.
func (x *exporting) work(ctx context.Context) error {
	if len(x.left()) == 0 {
		return nil
	}
	var err error
	x.target, err = x.AWS.Target(ctx, Access{Account: x.plan.AccountID, Role: RoleClose, Policy: exportPolicy()})
	if err != nil {
		return err
	}
	pace(&x.target)
	if err := x.poll(ctx); err != nil {
		return err
	}
	if err := x.start(ctx); err != nil {
		return err
	}
	return x.describe(ctx)
}

// describe reads the descriptions that are missing.
func (x *exporting) describe(ctx context.Context) error {
	var missing []*assetDescription
	for i := range x.Descriptions {
		if !x.Descriptions[i].done() {
			missing = append(missing, &x.Descriptions[i])
		}
	}
	for batch := range slices.Chunk(missing, 4*descriptionLanes) {
		if clock.Remaining(ctx) < exportReserve {
			return nil
		}
		if err := clock.Each(ctx, descriptionLanes, batch, x.describeOne); err != nil {
			return err
		}
	}
	return nil
}

// describeOne reads and keeps one description, or says how QuickSight refused.
func (x *exporting) describeOne(ctx context.Context, d *assetDescription) error {
	a := d.Asset
	name, arns := path.Join("backup", a.Region, a.Kind+"."+resourceOf(a.ARN)+".json"), []string{a.ARN}
	var body []byte
	var err error
	if a.Kind == kindPeople {
		name = "backup/people.json"
		body, arns, err = x.people(ctx)
	} else {
		body, err = describedAt(ctx, x.target, x.plan.AccountID, a.Region, descriptionPath(a))
	}
	switch r := refusalOf(err); r.kind {
	case accepted:
	case deniedByIdentity, otherwise:
		return unreadable(err, "quicksight:Describe… of "+a.ARN, a.Region)
	default:
		for _, arn := range arns {
			d.Failed = append(d.Failed, closing.Unsaved{ARN: arn, Code: r.code, Message: err.Error()})
		}
		return nil
	}
	if err := x.folder.PutBackup(ctx, name, "application/json", bytes.NewReader(body)); err != nil {
		return err
	}
	sum := sha256.Sum256(body)
	d.Saved = &closing.Saved{Name: name, Region: a.Region, SHA256: hex.EncodeToString(sum[:]), Bytes: int64(len(body)), ARNs: arns}
	return nil
}

// kindPeople stands for users, groups and who is in which, which are saved as one description.
const kindPeople = "people"

// group is one group as it is saved.
type group struct {
	Namespace string   `json:"namespace"`
	Name      string   `json:"name"`
	Members   []string `json:"members"`
}

// people are the users and groups of the plan, with a call for each group and page of its members.
func (x *exporting) people(ctx context.Context) (body []byte, arns []string, err error) {
	arns = []string{kindPeople}
	saved := struct {
		Users  []closing.User `json:"users"`
		Groups []group        `json:"groups"`
	}{Users: x.plan.Users, Groups: []group{}}
	for _, a := range x.plan.Assets {
		if a.Kind == kindGroup {
			arns = append(arns, a.ARN)
		}
	}
	for _, a := range x.plan.Assets {
		if a.Kind != kindGroup {
			continue
		}
		parts := idParts(a.ARN)
		g := group{Namespace: parts[0], Name: parts[len(parts)-1], Members: []string{}}
		pages := quicksight.NewListGroupMembershipsPaginator(quickSightIn(x.target, a.Region), &quicksight.ListGroupMembershipsInput{
			AwsAccountId: &x.plan.AccountID, Namespace: &g.Namespace, GroupName: &g.Name, MaxResults: &mostPerPage,
		})
		if err := readPages(ctx, pages, func(p *quicksight.ListGroupMembershipsOutput) {
			for _, m := range p.GroupMemberList {
				g.Members = append(g.Members, aws.ToString(m.MemberName))
			}
		}); err != nil {
			return nil, arns, err
		}
		saved.Groups = append(saved.Groups, g)
	}
	body, err = json.MarshalIndent(saved, "", "  ")
	return body, arns, err
}

// left names what is still to be saved.
func (x *exporting) left() []string {
	var left []string
	for _, j := range x.Jobs {
		if j.Status == jobQueued || j.Status == jobRunning {
			left = append(left, fmt.Sprintf("the export of %d assets in %s", len(j.ARNs), j.Region))
		}
	}
	for _, d := range x.Descriptions {
		if !d.done() {
			left = append(left, "the description of "+d.Asset.ARN)
		}
	}
	return left
}

// manifest is what came of the round.
func (x *exporting) manifest(now time.Time) closing.Manifest {
	m := closing.Manifest{
		Round: x.in.Run.Round, Digest: x.in.Run.Digest, At: now, Skipped: x.plan.NotSaved, Impossible: x.impossible(), Failed: slices.Clone(x.Failed),
	}
	for _, s := range x.Kept {
		if path.Ext(s.Name) == bundleExtension {
			m.Exported = append(m.Exported, s)
		} else {
			m.Described = append(m.Described, s)
		}
	}
	for _, j := range x.Jobs {
		if j.Saved != nil {
			m.Exported = append(m.Exported, *j.Saved)
		}
	}
	for _, d := range x.Descriptions {
		m.Failed = append(m.Failed, d.Failed...)
		if d.Saved != nil {
			m.Described = append(m.Described, *d.Saved)
		}
	}
	slices.SortFunc(m.Failed, func(a, b closing.Unsaved) int { return cmp.Compare(a.ARN, b.ARN) })
	return m
}

// impossible is what of the plan no API gives out.
func (x *exporting) impossible() []closing.Impossible {
	var out []closing.Impossible
	kinds := map[string][]string{}
	for _, a := range x.plan.Assets {
		kinds[a.Kind] = append(kinds[a.Kind], a.ARN)
	}
	if n := len(kinds["dataset"]); n > 0 {
		out = append(out, closing.Impossible{What: fmt.Sprintf("the data in SPICE of %d datasets", n), Why: "QuickSight exports definitions, not rows"})
	}
	if n := len(kinds["datasource"]); n > 0 {
		out = append(out, closing.Impossible{What: fmt.Sprintf("the credentials of %d data sources", n), Why: "QuickSight gives out no passwords"})
	}
	if n := len(x.plan.Users); n > 0 {
		out = append(out, closing.Impossible{What: fmt.Sprintf("the sign-in of %d users", n), Why: "QuickSight gives out no passwords; they are invited again"})
	}
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		if how, ok := savings[kind]; kind != kindGroup && (!ok || how.bundled == 0 && how.described == "") {
			out = append(out, closing.Impossible{What: fmt.Sprintf("%d × %s", len(kinds[kind]), kind), Why: "QuickSight neither exports nor describes it", ARNs: kinds[kind]})
		}
	}
	for _, n := range x.plan.NotReadable {
		out = append(out, closing.Impossible{What: n.Kind + " in " + n.Region, Why: "it could not be listed: " + n.Reason})
	}
	return out
}
