package step

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

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
		defer x.close()
		if err := x.resume(ctx); err != nil {
			return Result{}, err
		}
		working := x.work(ctx)
		left := x.left()
		if working != nil || len(left) > 0 {
			if err := errors.Join(working, x.keep(ctx)); err != nil {
				return Result{}, err
			}
			remaining := ListOf(left...)
			if err := in.overdue(clock.Now(ctx), env.Config.ExportBudget, remaining); err != nil {
				return Result{}, err
			}
			return in.waiting(15*time.Second, time.Minute, remaining, ListOf()), nil
		}
		m, err := x.manifest(ctx)
		if err == nil {
			_, err = folder.PutManifest(ctx, m)
		}
		if err != nil {
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
	backups *record.Sorter[closing.Backup]
	objects *record.Sorter[closing.Saved]
}

// export is how far the round has come, as the record keeps it.
type export struct {
	Bundled   queue             `json:"bundled"`
	Described queue             `json:"described"`
	Jobs      []exportJob       `json:"jobs,omitempty"`   // that are to be started, or run
	Number    int               `json:"number,omitempty"` // of the last job
	Backups   []closing.ListRef `json:"backups,omitempty"`
	Objects   []closing.ListRef `json:"objects,omitempty"`
}

// queue is what is to be saved in one way.
type queue struct {
	List closing.ListRef `json:"list"` // of errand
	Next int             `json:"next"` // how many have been taken from it
}

func (q queue) left() int { return q.List.N - q.Next }

// errand is one asset that is to be saved, in the order in which bundles can be imported.
type errand struct {
	closing.Asset
	Rank int `json:"rank"`
}

// Key orders errands by region, then by rank.
func (e errand) Key() string { return fmt.Sprintf("%s\x00%d\x00%s", e.Region, e.Rank, e.ARN) }

// exportReserve is what this step leaves of its invocation, for the call that is under way and for writing.
const exportReserve = 90 * time.Second

// exportPolicy is what a session of this step may do: nothing that changes the account.
func exportPolicy() Policy {
	return Policy{{Actions: []string{"quicksight:List*", "quicksight:Describe*", "quicksight:StartAssetBundleExportJob"}}}
}

// resume goes on with the round's export, or begins it.
func (x *exporting) resume(ctx context.Context) error {
	err := x.folder.Export(ctx, x.in.Run.Round, &x.export)
	if err != nil && !errors.Is(err, record.ErrNotFound) {
		return err
	}
	x.backups, x.objects = record.NewSorter[closing.Backup](x.folder, x.Backups), record.NewSorter[closing.Saved](x.folder, x.Objects)
	if err == nil || x.plan.NotSaved != "" || x.plan.Subscription == nil {
		return nil // it is under way; or nothing is to be saved, as the approver saw; or there is nothing
	}
	return x.begin(ctx)
}

func (x *exporting) close() {
	if x.backups != nil {
		x.backups.Close()
		x.objects.Close()
	}
}

// keep keeps the export as far as it has come.
func (x *exporting) keep(ctx context.Context) error {
	var backups, objects error
	x.Backups, backups = x.backups.Save(ctx)
	x.Objects, objects = x.objects.Save(ctx)
	if err := errors.Join(backups, objects); err != nil {
		return err
	}
	return x.folder.PutExport(ctx, x.in.Run.Round, x.export)
}

// begin sorts the plan's assets by how they are saved.
func (x *exporting) begin(ctx context.Context) error {
	bundled, described := record.NewSorter[errand](x.folder, nil), record.NewSorter[errand](x.folder, nil)
	defer bundled.Close()
	defer described.Close()
	sort := func(a closing.Asset) error {
		switch how := savings[a.Kind]; {
		case a.Kind == kindUser, a.Kind == kindGroup: // together, as people
			return nil
		case how.bundled > 0 && x.plan.Subscription.Edition != "STANDARD": // which exports nothing
			return bundled.Add(errand{a, how.bundled})
		case how.described != "" || a.Kind == kindPeople:
			return described.Add(errand{a, 0})
		default:
			return x.backups.Add(closing.Backup{ARN: a.ARN, Kind: a.Kind, Region: a.Region, Updated: a.Updated, As: closing.NotPossible})
		}
	}
	before, stale, err := x.savedBefore(ctx)
	if err != nil {
		return err
	}
	err = closing.Join(x.assets(ctx), record.List[closing.Backup](ctx, x.folder, before.Backups), func(a *closing.Asset, b *closing.Backup) error {
		switch {
		case a == nil:
			return nil
		case b != nil && b.Object != "" && !stale[b.Object]:
			return x.backups.Add(*b)
		default:
			return sort(*a)
		}
	})
	if err != nil {
		return err
	}
	for object, err := range record.List[closing.Saved](ctx, x.folder, before.Objects) {
		if err == nil && !stale[object.Name] {
			err = x.objects.Add(object)
		}
		if err != nil {
			return err
		}
	}
	for _, c := range x.plan.VPCConnections {
		if err := sort(closing.Asset{ARN: c.ARN, Kind: kindVPCConnection, Region: c.Region}); err != nil {
			return err
		}
	}
	if x.plan.Count(kindUser)+x.plan.Count(kindGroup) > 0 {
		if err := sort(closing.Asset{ARN: kindPeople, Kind: kindPeople, Region: x.plan.IdentityRegion}); err != nil {
			return err
		}
	}
	if x.Bundled.List, err = bundled.List(ctx, nil); err != nil {
		return err
	}
	x.Described.List, err = described.List(ctx, nil)
	return err
}

// assets are the plan's.
func (x *exporting) assets(ctx context.Context) iter.Seq2[closing.Asset, error] {
	return record.List[closing.Asset](ctx, x.folder, x.plan.Assets)
}

// rest is what has not been taken from a queue.
func (x *exporting) rest(ctx context.Context, q queue) iter.Seq2[errand, error] {
	return func(yield func(errand, error) bool) {
		if q.left() == 0 {
			return
		}
		n := 0
		for e, err := range record.List[errand](ctx, x.folder, q.List) {
			if n++; (err != nil || n > q.Next) && !yield(e, err) {
				return
			}
		}
	}
}

// savedBefore is the manifest of the round before, where there is one, and which of its objects hold an asset that is not as it was. What
// QuickSight gives no time of change for is read again.
func (x *exporting) savedBefore(ctx context.Context) (before closing.Manifest, stale map[string]bool, err error) {
	round := x.in.Run.Round - 1
	if round == 0 {
		return before, nil, nil
	}
	plan, err := x.folder.Plan(ctx, record.PlanName(round), round)
	if err != nil {
		return before, nil, fmt.Errorf("read the plan of round %d: %w", round, err)
	}
	before, err = x.folder.Manifest(ctx, round, plan.Digest)
	if errors.Is(err, record.ErrNotFound) {
		return closing.Manifest{}, nil, nil
	}
	if err != nil {
		return before, nil, err
	}
	stale = map[string]bool{}
	err = closing.Join(x.assets(ctx), record.List[closing.Backup](ctx, x.folder, before.Backups), func(a *closing.Asset, b *closing.Backup) error {
		if b != nil && (a == nil || a.Updated == nil || b.Updated == nil || !a.Updated.Equal(*b.Updated)) {
			stale[b.Object] = true
		}
		return nil
	})
	return before, stale, err
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

// left names what is still to be saved.
func (x *exporting) left() []string {
	var left []string
	for _, j := range x.Jobs {
		left = append(left, fmt.Sprintf("the export of %d assets in %s", len(j.Assets), j.Region))
	}
	if n := x.Bundled.left(); n > 0 {
		left = append(left, fmt.Sprintf("the export of %d more assets", n))
	}
	if n := x.Described.left(); n > 0 {
		left = append(left, fmt.Sprintf("the description of %d assets", n))
	}
	return left
}

// saved notes that assets are in an object.
func (x *exporting) saved(object closing.Saved, as closing.BackupKind, assets ...closing.Asset) error {
	for _, a := range assets {
		if err := x.backups.Add(closing.Backup{ARN: a.ARN, Kind: a.Kind, Region: a.Region, Updated: a.Updated, As: as, Object: object.Name}); err != nil {
			return err
		}
	}
	return x.objects.Add(object)
}

// failed notes that assets could not be saved.
func (x *exporting) failed(code, message string, assets ...closing.Asset) error {
	for _, a := range assets {
		err := x.backups.Add(closing.Backup{ARN: a.ARN, Kind: a.Kind, Region: a.Region, Updated: a.Updated, As: closing.NotSaved, Code: code, Message: message})
		if err != nil {
			return err
		}
	}
	return nil
}

// manifest is what came of the round.
func (x *exporting) manifest(ctx context.Context) (closing.Manifest, error) {
	m := closing.Manifest{
		Round: x.in.Run.Round, Digest: x.in.Run.Digest, At: clock.Now(ctx), Skipped: x.plan.NotSaved, Impossible: x.impossible(),
	}
	var err error
	m.Backups, err = x.backups.List(ctx, func(b closing.Backup) {
		switch b.As {
		case closing.InBundle:
			m.Exported++
		case closing.InDescription:
			m.Described++
		case closing.NotSaved:
			m.Failed++
		case closing.NotPossible:
		}
	})
	if err != nil {
		return m, err
	}
	m.Objects, err = x.objects.List(ctx, nil)
	return m, err
}

// impossible is what of the plan no API gives out.
func (x *exporting) impossible() []closing.Impossible {
	var out []closing.Impossible
	say := func(n int, what, why string) {
		if n > 0 {
			out = append(out, closing.Impossible{What: fmt.Sprintf(what, n), Why: why})
		}
	}
	say(x.plan.Count(kindDataset), "the data in SPICE of %d datasets", "QuickSight exports definitions, not rows")
	say(x.plan.Count("datasource"), "the credentials of %d data sources", "QuickSight gives out no passwords")
	say(x.plan.Count(kindUser), "the sign-in of %d users", "QuickSight gives out no passwords; they are invited again")
	say(x.plan.Count("topic")+x.plan.Count("topic-v2"), "the refresh schedules and reviewed answers of %d topics", "their descriptions do not hold them")
	for _, k := range allKinds {
		if how := savings[k.kind]; k.kind != kindGroup && how.bundled == 0 && how.described == "" {
			say(x.plan.Count(k.kind), "%d × "+k.kind, "QuickSight neither exports nor describes it; the plan names it")
		}
	}
	for _, n := range x.plan.NotReadable {
		out = append(out, closing.Impossible{What: n.Kind + " in " + n.Region, Why: "it could not be listed: " + n.Reason})
	}
	return out
}
