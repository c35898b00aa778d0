package step

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"quicksight-unsubscribe/internal/clock"
	"quicksight-unsubscribe/internal/closing"
	"quicksight-unsubscribe/internal/record"
)

// TakeInventory looks at everything that a closing would destroy and writes it down as a plan: plan-1.json, or retake-<round>.json
// for the action "retake". It goes on where it was where one invocation is too short. Of an account that was approved in a fleet the plan is
// the one that was approved.
func TakeInventory(env Env) Handler {
	return func(ctx context.Context, in Input) (Result, error) {
		if in.Run.Fleet != "" && !in.Run.DryRun && in.Action != ActionRetake {
			return env.adopt(ctx, in)
		}
		if in.Run.sweeps() && in.Run.IdentityRegion == "" {
			return env.notSubscribed(ctx, in)
		}
		folder := env.folder(in)
		request, err := folder.Request(ctx)
		if err != nil {
			return Result{}, err
		}
		target, err := env.AWS.Target(ctx, Access{Account: in.Run.AccountID, Role: RoleRead, Policy: ReadPolicy()})
		if err != nil {
			return Result{}, err
		}
		round, name, kept := 1, record.PlanName(1), "1"
		if in.Action == ActionRetake {
			round, name, kept = in.Run.Round, record.RetakeName(in.Run.Round), fmt.Sprintf("retake-%d", in.Run.Round)
		}
		taken, err := takeInventory(ctx, env, inventoryTask{
			Folder: folder, Name: kept, Target: target, Request: request, IdentityRegion: in.Run.IdentityRegion, Starter: in.Run.Starter,
			Advise: in.Action != ActionRetake,
		})
		if err != nil {
			return Result{}, err
		}
		if !taken.Done {
			remaining := ListOf(taken.Remaining...)
			if err := in.overdue(clock.Now(ctx), env.Config.InventoryBudget, remaining); err != nil {
				return Result{}, err
			}
			return in.waiting(time.Second, 10*time.Second, remaining, ListOf()), nil
		}
		plan, err := folder.PutPlan(ctx, name, closing.Plan{Round: round, Material: taken.Material, Observed: taken.Observed})
		if err != nil {
			return Result{}, err
		}
		in.Run.IdentityRegion = plan.Material.IdentityRegion
		if in.Action != ActionRetake {
			in.Run.Round, in.Run.Digest = round, plan.Digest
		}
		return in.done(verdictOf(plan), ListOf()), nil
	}
}

// verdictOf is what the machine does with a plan.
func verdictOf(p closing.Plan) Verdict {
	switch {
	case len(p.Observed.Blockers) > 0:
		return NotClosable
	case p.Material.NothingToClose():
		return NothingToClose
	default:
		return Closable
	}
}

// inventoryTask is what an inventory is taken of.
type inventoryTask struct {
	Folder         *record.Folder
	Name           string     // under which it is kept while it is under way; another name begins anew
	Target         aws.Config // any session that ReadPolicy allows
	Request        closing.Request
	IdentityRegion string // where to look first: it is found again
	Starter        string // the person that started the run, or ""
	Advise         bool   // ask, too, what no approval binds and those who decide should know
}

// inventoryTaken is an inventory, or how far it has come.
type inventoryTaken struct {
	Done      bool
	Remaining []string // what is not read yet, where it is not done
	Material  closing.Material
	Observed  closing.Observed
}

// inventory is what has been read of QuickSight so far, as the record keeps it.
type inventory struct {
	Started        time.Time             `json:"started"`
	Regions        regionSet             `json:"regions"`
	IdentityRegion string                `json:"identityRegion,omitempty"`
	Subscription   *closing.Subscription `json:"subscription,omitempty"`
	Namespaces     []closing.Namespace   `json:"namespaces,omitempty"`
	Administrators administrators        `json:"administrators,omitzero"`
	NotReadable    []closing.NotReadable `json:"notReadable,omitempty"`
	Lists          []listing             `json:"lists,omitempty"`
	Uses           []use                 `json:"uses,omitempty"`
	Datasets       datasetsRead          `json:"datasets"`
	Found          []closing.ListRef     `json:"found,omitempty"` // assets that earlier invocations have read

	assets *record.Sorter[closing.Asset]
}

// datasetsRead is how far what is listed for each dataset has been read.
type datasetsRead struct {
	Began bool   `json:"began,omitempty"`
	After string `json:"after,omitempty"` // the key of the last dataset
	Read  bool   `json:"read"`
}

const (
	// inventoryReserve is what an inventory leaves of its invocation, for the calls that are under way and for writing.
	inventoryReserve = 90 * time.Second
	// inventoryLanes is how many list calls are under way at a time, well below QuickSight's request rates.
	inventoryLanes = 4
)

// takeInventory reads what a closing would destroy. Where the invocation's time runs out it keeps what it has, and is to be called
// again with the same task. It changes nothing.
func takeInventory(ctx context.Context, env Env, t inventoryTask) (inventoryTaken, error) {
	verified, err := t.Folder.Verification(ctx)
	if err != nil {
		return inventoryTaken{}, err
	}
	inv, err := resumeInventory(ctx, env, t)
	if err != nil {
		return inventoryTaken{}, err
	}
	defer inv.assets.Close()
	pace(&t.Target)
	readErr := inv.read(ctx, t)
	if readErr == nil {
		readErr = inv.readDatasets(ctx, t)
	}
	if t.Advise && readErr == nil {
		inv.listUses()
		readErr = inv.readUses(ctx, t)
	}
	remaining := inv.remaining()
	if readErr != nil || len(remaining) > 0 {
		return inventoryTaken{Remaining: remaining}, errors.Join(readErr, inv.keep(ctx, t))
	}
	return inv.conclude(ctx, env, t, verified)
}

// resumeInventory goes on with an inventory that is under way, or begins one. What is older than an inventory may take is not
// gone on with, since it says nothing of today.
func resumeInventory(ctx context.Context, env Env, t inventoryTask) (*inventory, error) {
	var kept inventory
	err := t.Folder.Inventory(ctx, t.Name, &kept)
	if err == nil && clock.Now(ctx).Sub(kept.Started) < env.Config.InventoryBudget {
		kept.assets = record.NewSorter[closing.Asset](t.Folder, kept.Found)
		return &kept, nil
	}
	if err != nil && !errors.Is(err, record.ErrNotFound) {
		return nil, err
	}
	return beginInventory(ctx, env, t)
}

// beginInventory reads what the account is: its subscription, namespaces and users, and in which regions it can have anything.
func beginInventory(ctx context.Context, env Env, t inventoryTask) (*inventory, error) {
	inv := &inventory{Started: clock.Now(ctx), assets: record.NewSorter[closing.Asset](t.Folder, nil)}
	account := t.Request.AccountID
	found, err := findSubscription(ctx, env, t.Target, account, t.IdentityRegion, t.Request.IdentityRegion)
	if err != nil || found.Region == "" {
		return inv, err
	}
	inv.IdentityRegion, inv.Subscription = found.Region, describeSubscription(found)
	if inv.Regions, err = enabledRegions(ctx, env, t.Target); err != nil {
		return nil, err
	}
	var refused string
	if inv.Namespaces, refused, err = listNamespaces(ctx, t.Target, account, found.Region); err != nil {
		return nil, err
	}
	inv.refused("namespace", found.Region, refused)
	names := []string{cmp.Or(inv.Subscription.DefaultNamespace, "default")}
	for _, n := range inv.Namespaces {
		names = append(names, n.Name)
	}
	for _, name := range distinct(names) {
		if err := inv.readUsers(ctx, t, name); err != nil {
			inv.assets.Close()
			return nil, err
		}
	}
	for _, k := range allKinds {
		switch k.scope {
		case ofRegion:
			for _, region := range inv.Regions.Enabled {
				sharing := k.kind == "dashboard" && t.Advise && inv.Subscription.PublicSharing
				inv.Lists = append(inv.Lists, listing{Kind: k.kind, Region: region, AskSharing: sharing})
			}
		case ofCenter:
			if inv.Subscription.IdentityCenter != "" {
				inv.Lists = append(inv.Lists, listing{Kind: k.kind, Region: found.Region})
			}
		case ofAccount:
			inv.Lists = append(inv.Lists, listing{Kind: k.kind, Region: found.Region})
		case ofNamespace:
			for _, name := range distinct(names) {
				inv.Lists = append(inv.Lists, listing{Kind: k.kind, Region: found.Region, Of: name})
			}
		case ofDataset: // when they are known
		}
	}
	return inv, nil
}

// keep keeps the inventory as far as it has come.
func (inv *inventory) keep(ctx context.Context, t inventoryTask) error {
	found, err := inv.assets.Save(ctx)
	if err != nil {
		return err
	}
	inv.Found = found
	return t.Folder.PutInventory(ctx, t.Name, inv)
}

// readDatasets reads what is listed for each dataset, once they are known, as many as the invocation has time for.
func (inv *inventory) readDatasets(ctx context.Context, t inventoryTask) error {
	if inv.Datasets.Read || !inv.allRead() {
		return nil
	}
	if !inv.Datasets.Began {
		inv.Datasets.Began = true
		for _, l := range inv.Lists {
			if l.Kind == kindDataset && l.N > 0 {
				inv.Lists = append(inv.Lists, listing{Kind: kindRefreshSchedule, Region: l.Region, Read: true})
			}
		}
	}
	var batch []*listing
	var last string
	list := func() error {
		err := clock.Each(ctx, inventoryLanes, batch, func(ctx context.Context, l *listing) error {
			return l.list(ctx, t.Target, t.Request.AccountID, inv.assets)
		})
		if err != nil {
			return err
		}
		for _, l := range batch {
			if of := inv.listing(l.Kind, l.Region); of != nil && l.Refused != "" {
				of.Refused, of.Closed = l.Refused, l.Closed
			}
		}
		inv.Datasets.After, batch = last, nil
		return nil
	}
	for set, err := range inv.assets.All(ctx) {
		if err != nil {
			return err
		}
		if set.Kind != kindDataset || set.Key() <= inv.Datasets.After {
			continue
		}
		if len(batch) == 0 && clock.Remaining(ctx) < inventoryReserve {
			return nil
		}
		batch, last = append(batch, &listing{Kind: kindRefreshSchedule, Region: set.Region, Of: idParts(set.ARN)[0]}), set.Key()
		if len(batch) == 4*inventoryLanes {
			if err := list(); err != nil {
				return err
			}
		}
	}
	if err := list(); err != nil {
		return err
	}
	inv.Datasets.Read = true
	return nil
}

// listing finds the listing of a kind in a region.
func (inv *inventory) listing(kind, region string) *listing {
	for i := range inv.Lists {
		if l := &inv.Lists[i]; l.Kind == kind && l.Region == region {
			return l
		}
	}
	return nil
}

// allRead tells whether every listing has been read.
func (inv *inventory) allRead() bool {
	return !slices.ContainsFunc(inv.Lists, func(l listing) bool { return !l.Read })
}

func (inv *inventory) refused(kind, region, reason string) {
	if reason != "" {
		inv.NotReadable = append(inv.NotReadable, closing.NotReadable{Kind: kind, Region: region, Reason: reason})
	}
}

// read fills the lists, as many as the invocation has time for.
func (inv *inventory) read(ctx context.Context, t inventoryTask) error {
	var unread []*listing
	for i := range inv.Lists {
		if !inv.Lists[i].Read {
			unread = append(unread, &inv.Lists[i])
		}
	}
	for batch := range slices.Chunk(unread, 4*inventoryLanes) {
		if clock.Remaining(ctx) < inventoryReserve+sharingTime(batch) {
			return nil
		}
		batch = slices.DeleteFunc(batch, inv.denied)
		err := clock.Each(ctx, inventoryLanes, batch, func(ctx context.Context, l *listing) error {
			return l.list(ctx, t.Target, t.Request.AccountID, inv.assets)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// denied notes that a listing is refused like the first one of its region, where that was refused for the whole region.
func (inv *inventory) denied(l *listing) bool {
	first := inv.listing(allKinds[0].kind, l.Region)
	if first == l || first == nil || !first.Closed {
		return false
	}
	l.Read, l.Refused, l.Closed = true, first.Refused, true
	return true
}

// closed are the regions that refuse as a whole and are governed, or not.
func (inv *inventory) closed(config Config, governed bool) []string {
	var regions []string
	for _, l := range inv.Lists {
		if l.Closed && config.governs(l.Region) == governed {
			regions = append(regions, l.Region)
		}
	}
	return distinct(regions)
}

// remaining names the lists that are not read yet.
func (inv *inventory) remaining() []string {
	var names []string
	for _, l := range inv.Lists {
		if !l.Read {
			names = append(names, l.Kind+" in "+l.Region)
		}
	}
	if len(names) == 0 && !inv.Datasets.Read {
		names = append(names, kindRefreshSchedule)
	}
	for _, u := range inv.Uses {
		if !u.Read {
			names = append(names, "last use in "+u.Region)
		}
	}
	return names
}

// conclude reads the surroundings, decides about directory and VPC, and makes the plan's facts of everything.
func (inv *inventory) conclude(ctx context.Context, env Env, t inventoryTask, verified record.Verification) (inventoryTaken, error) {
	m, err := inv.material(ctx, env.Config, t.Request)
	if err != nil {
		return inventoryTaken{}, err
	}
	around, err := readSurroundings(ctx, env, t.Target, t.Request, m)
	if err != nil {
		return inventoryTaken{}, err
	}
	o := closing.Observed{
		At: clock.Now(ctx), Requester: cmp.Or(t.Starter, t.Request.Trigger),
		Evidence: slices.Concat(verified.Evidence, inv.Administrators.evidence(t.Starter)),
		Advice:   slices.Concat(verified.Advice, inv.advice()),
		Blockers: inv.blockers(env.Config, t.Request),
	}
	if err := inv.consequences(ctx, t, &o); err != nil {
		return inventoryTaken{}, err
	}
	add := func(evidence []closing.Evidence, blockers []closing.Blocker) {
		o.Evidence, o.Blockers = append(o.Evidence, evidence...), append(o.Blockers, blockers...)
	}
	var evidence []closing.Evidence
	var blockers []closing.Blocker
	around.oldest = inv.oldest()
	m.Directory, evidence, blockers = around.decideDirectory(t.Request, verified.Denied)
	add(evidence, blockers)
	m.VPC, evidence, blockers = around.decideVPC(t.Request, m, verified.Denied)
	add(evidence, blockers)
	add(nil, around.unknown(t.Request, m))
	add(nil, requireEvidence(env.Config, t, inv, o.Evidence))
	m.Sort()
	return inventoryTaken{Done: true, Material: m, Observed: o}, nil
}

// consequences adds what follows from closing, as far as it is read and not counted already.
func (inv *inventory) consequences(ctx context.Context, t inventoryTask, o *closing.Observed) error {
	for _, u := range inv.Uses {
		o.Uses = append(o.Uses, u.Use)
	}
	for _, l := range inv.Lists {
		o.InSpice += l.Spice
		if l.Sharing != nil {
			o.Sharing = append(o.Sharing, *l.Sharing)
		}
	}
	if !t.Advise {
		return nil
	}
	var err error
	o.Remains, err = inv.readRemains(ctx, t)
	return err
}

// material is what of the inventory an approval binds, without directory and VPC.
func (inv *inventory) material(ctx context.Context, config Config, request closing.Request) (closing.Material, error) {
	m := closing.Material{
		AccountID: request.AccountID, IdentityRegion: inv.IdentityRegion, Subscription: inv.Subscription,
		Namespaces: inv.Namespaces, NotReadable: slices.Clone(inv.NotReadable),
		NotSaved: request.SkipBackupReason, NotBefore: request.NotBefore,
	}
	for _, l := range inv.Lists {
		m.VPCConnections = append(m.VPCConnections, l.Connections...)
	}
	m.NotReadable = append(m.NotReadable, inv.unlisted(config)...)
	var err error
	m.Assets, err = inv.assets.List(ctx, m.Add)
	return m, err
}

// oldest is what QuickSight has had for longest; nil where it has nothing with a date. QuickSight says nowhere since when an account is
// subscribed, and makes sample assets when it is.
func (inv *inventory) oldest() *trace {
	var oldest *trace
	for _, l := range inv.Lists {
		if l.Oldest != nil && (oldest == nil || l.Oldest.Since.Before(oldest.Since)) {
			oldest = l.Oldest
		}
	}
	return oldest
}

// unlisted are the kinds that regions refused to list. A kind that is refused everywhere for one reason stands once, and so do the regions
// that the organization denies because nobody works there.
func (inv *inventory) unlisted(config Config) []closing.NotReadable {
	var refused []closing.NotReadable
	nobodys := inv.closed(config, false)
	if len(nobodys) > 0 {
		refused = append(refused, closing.NotReadable{Kind: "asset", Region: strings.Join(nobodys, ", "), Reason: "the organization does not govern these regions, and denies them"})
	}
	for _, k := range allKinds {
		var of []closing.NotReadable
		var regions []string
		for _, l := range inv.Lists {
			if l.Kind != k.kind || slices.Contains(nobodys, l.Region) {
				continue
			}
			regions = append(regions, l.Region)
			if n := (closing.NotReadable{Kind: l.Kind, Region: l.Region, Reason: l.Refused}); l.Refused != "" && !slices.Contains(of, n) {
				of = append(of, n)
			}
		}
		alike := !slices.ContainsFunc(of, func(n closing.NotReadable) bool { return n.Reason != of[0].Reason })
		if n := len(distinct(regions)); len(of) == n && n > 1 && alike {
			of = []closing.NotReadable{{Kind: k.kind, Region: "every region", Reason: of[0].Reason}}
		}
		refused = append(refused, of...)
	}
	return refused
}

// advice is what the approver should know of how the inventory was taken.
func (inv *inventory) advice() []string {
	var advice []string
	if len(inv.Regions.Disabled) > 0 {
		advice = append(advice, "not inventoried, because the account has not enabled them: "+inWords(inv.Regions.Disabled))
	}
	return advice
}

// blockers are what in QuickSight itself stands against closing.
func (inv *inventory) blockers(config Config, request closing.Request) []closing.Blocker {
	if inv.Subscription == nil {
		return nil
	}
	again := paste(request, func(*closing.Request) {})
	var blockers []closing.Blocker
	if code, why := statusBlocker(inv.Subscription.Status); why != "" {
		blockers = append(blockers, closing.Blocker{Code: code, Message: why, Paste: again})
	}
	if closed := inv.closed(config, true); len(closed) > 0 {
		blockers = append(blockers, closing.Blocker{
			Code: closing.RegionUnreadable, Paste: again,
			Message: "what QuickSight holds in " + inWords(closed) + " could not be read: except the target roles in the organization's policy, " +
				"or leave the regions out of governedRegions if nobody works there",
		})
	}
	for _, n := range inv.Namespaces {
		if n.Name == inv.Subscription.DefaultNamespace && n.CapacityRegion != "" && n.CapacityRegion != inv.IdentityRegion {
			blockers = append(blockers, closing.Blocker{
				Code: closing.UnknownStatus, Paste: again,
				Message: fmt.Sprintf("the identity region is unknown: the account's settings answer in %s, and its namespace %s says %s", inv.IdentityRegion, n.Name, n.CapacityRegion),
			})
		}
	}
	return blockers
}

// statusBlocker says why a subscription with a status cannot be closed; "" where it can: where somebody tried to unsubscribe, or
// is at it, there is still something to finish.
func statusBlocker(status string) (closing.Code, string) {
	switch lives[status] {
	case lifeActive, lifeFailed, lifeLeaving:
		return "", ""
	case lifeStarting:
		return closing.Blocked, fmt.Sprintf("the QuickSight account is being created, or creating it has failed: its status is %q; start again when it is active", status)
	default:
		return closing.UnknownStatus, fmt.Sprintf("the subscription has the status %q, which this workflow does not know; look at the account in the QuickSight console", status)
	}
}

// requireEvidence blocks where configuration asks for evidence that the starter may close the account, and there is none. Before the
// starter is known, an administrator that he may turn out to be is enough.
func requireEvidence(config Config, t inventoryTask, inv *inventory, evidence []closing.Evidence) []closing.Blocker {
	if !config.RequireStarterEvidence || inv.Subscription == nil {
		return nil
	}
	shown := slices.ContainsFunc(evidence, func(e closing.Evidence) bool { return e.About == aboutStarter && e.For })
	if shown || t.Starter == "" && inv.Administrators.N > 0 {
		return nil
	}
	return []closing.Blocker{{
		Code: closing.NoEvidence,
		Message: strings.Join([]string{
			"nothing shows that whoever started this may close the account: CloudTrail names no creator in the last 90 days",
			"the starter is not among the QuickSight administrators", "and the request has no attestation",
		}, ", "),
		Paste: paste(t.Request, func(r *closing.Request) { r.Attestation = "who created the account, and how you know" }),
	}}
}
