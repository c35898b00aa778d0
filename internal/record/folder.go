package record

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"quicksight-unsubscribe/internal/closing"
)

// Folder is the record of one run.
type Folder struct {
	store     *Store
	execution string // ARN
	prefix    string // ends with a slash
	listing   *listing
}

// listing is what a folder held at a moment.
type listing struct {
	keys  []string // in order
	bytes int64
}

// Prefix is where the record of a run is: by account, then in the order of starting.
func Prefix(account, executionName string, start time.Time) string {
	return fmt.Sprintf("closings/%s/%s-%s/", account, start.UTC().Format("20060102T150405Z"), clean(executionName))
}

// Folder opens the record of one run. prefix is what Prefix returned; execution is the ARN that its objects must name.
func (s *Store) Folder(prefix, execution string) *Folder {
	return &Folder{store: s, execution: execution, prefix: prefix}
}

// Find opens the record of a run of which only the prefix is known, and says which execution it is of.
func (s *Store) Find(ctx context.Context, prefix string) (f *Folder, execution string, err error) {
	var r request
	if _, _, err := s.get(ctx, prefix+"request.json", &r); err != nil {
		return nil, "", err
	}
	return s.Folder(prefix, r.Execution), r.Execution, nil
}

// Locate finds the record of an execution whose account nobody knows: it was found out by the run itself, and stands in the record
// alone. It looks through the whole record, and returns ErrNotFound where the run has left nothing.
func (s *Store) Locate(ctx context.Context, execution, name string, start time.Time) (account, prefix string, err error) {
	keys, err := s.list(ctx, "closings/")
	if err != nil {
		return "", "", err
	}
	for _, key := range keys {
		parts := strings.SplitN(key, "/", 3)
		prefix := Prefix(parts[1], name, start)
		if key != prefix+"request.json" {
			continue
		}
		if _, named, err := s.Find(ctx, prefix); err != nil {
			return "", "", err
		} else if named == execution {
			return parts[1], prefix, nil
		}
	}
	return "", "", ErrNotFound
}

// Key is the full key of one object of the folder.
func (f *Folder) Key(name string) string { return f.prefix + name }

// Listed is the folder as it is now: what is not in it is not asked for. A reader of many parts, of which most are not there, so needs one
// list and what is there.
func (f *Folder) Listed(ctx context.Context) (*Folder, error) {
	found, err := f.store.listing(ctx, f.prefix)
	if err != nil {
		return nil, err
	}
	listed := *f
	listed.listing = &found
	return &listed, nil
}

// Size is how many objects the folder holds, and how many bytes in them.
func (f *Folder) Size(ctx context.Context) (objects int, bytes int64, err error) {
	if f.listing == nil {
		if f, err = f.Listed(ctx); err != nil {
			return 0, 0, err
		}
	}
	return len(f.listing.keys), f.listing.bytes, nil
}

// once writes v where nothing is yet, and returns what stands there: whoever was first is right.
func once[T any](ctx context.Context, f *Folder, name string, v T) (T, error) {
	err := f.store.put(ctx, f.Key(name), v, condition{absent: true})
	if !errors.Is(err, errTaken) {
		return v, err
	}
	var standing T
	_, _, err = f.store.get(ctx, f.Key(name), &standing)
	return standing, err
}

func (f *Folder) read(ctx context.Context, name string, v any) error {
	if f.listing != nil {
		if _, there := slices.BinarySearch(f.listing.keys, f.Key(name)); !there {
			return ErrNotFound
		}
	}
	_, _, err := f.store.get(ctx, f.Key(name), v)
	return err
}

// below lists the keys with this beginning of a name, in order.
func (f *Folder) below(ctx context.Context, name string) ([]string, error) {
	if f.listing == nil {
		return f.store.list(ctx, f.Key(name))
	}
	first, _ := slices.BinarySearch(f.listing.keys, f.Key(name))
	keys := f.listing.keys[first:]
	for i, key := range keys {
		if !strings.HasPrefix(key, f.Key(name)) {
			return keys[:i], nil
		}
	}
	return keys, nil
}

// names checks that an object names this run, and the round and digest that its reader asked for.
func (f *Folder) names(name, execution string, round, wantRound int, digest, wantDigest string) error {
	switch {
	case execution != f.execution:
		return invalid(f.Key(name), fmt.Sprintf("it names the execution %q, not %q", execution, f.execution))
	case round != wantRound:
		return invalid(f.Key(name), fmt.Sprintf("it names round %d, not %d", round, wantRound))
	case digest != wantDigest:
		return invalid(f.Key(name), fmt.Sprintf("it names the digest %s, not %s", digest, wantDigest))
	}
	return nil
}

// request is request.json.
type request struct {
	Execution string          `json:"execution"`
	Request   closing.Request `json:"request"`
}

// PutRequest writes what was asked for.
func (f *Folder) PutRequest(ctx context.Context, r closing.Request) error {
	_, err := once(ctx, f, "request.json", request{Execution: f.execution, Request: r})
	return err
}

// Request reads what was asked for.
func (f *Folder) Request(ctx context.Context) (closing.Request, error) {
	var r request
	if err := f.read(ctx, "request.json", &r); err != nil {
		return closing.Request{}, err
	}
	return r.Request, f.names("request.json", r.Execution, 0, 0, "", "")
}

// Verification is what verify-caller found beside the request. It is shown to the approver, not approved.
type Verification struct {
	Execution string             `json:"execution"`
	Evidence  []closing.Evidence `json:"evidence,omitempty"`
	Advice    []string           `json:"advice,omitempty"`
	Denied    []string           `json:"denied,omitempty"`    // IAM actions that the role which would act is explicitly denied
	Approvers []closing.Approver `json:"approvers,omitempty"` // who may decide on this account; empty: all of the hub account
}

// PutVerification writes what verify-caller found. The last writer is right.
func (f *Folder) PutVerification(ctx context.Context, v Verification) error {
	v.Execution = f.execution
	return f.store.put(ctx, f.Key("verified.json"), v, condition{})
}

// Verification reads what verify-caller found.
func (f *Folder) Verification(ctx context.Context) (Verification, error) {
	var v Verification
	if err := f.read(ctx, "verified.json", &v); err != nil {
		return Verification{}, err
	}
	return v, f.names("verified.json", v.Execution, 0, 0, "", "")
}

// PlanName is the object that holds the plan of a round.
func PlanName(round int) string { return fmt.Sprintf("plan-%d.json", round) }

// RetakeName is the object that holds the same, taken again before the commit.
func RetakeName(round int) string { return fmt.Sprintf("retake-%d.json", round) }

// PutPlan writes a plan under PlanName or RetakeName and returns the one that stands, which is another where a duplicate of
// this step was faster. A plan that is not of this run is refused.
func (f *Folder) PutPlan(ctx context.Context, name string, p closing.Plan) (closing.Plan, error) {
	p.Version, p.Execution, p.Digest = 1, f.execution, p.Material.Digest()
	p, err := once(ctx, f, name, p)
	if err != nil {
		return closing.Plan{}, err
	}
	return p, f.names(name, p.Execution, p.Round, p.Round, p.Digest, p.Material.Digest())
}

// Plan reads a plan and checks that it is of this run and round, and that its digest is that of its material facts.
func (f *Folder) Plan(ctx context.Context, name string, round int) (closing.Plan, error) {
	var p closing.Plan
	if err := f.read(ctx, name, &p); err != nil {
		return closing.Plan{}, err
	}
	return p, f.names(name, p.Execution, p.Round, round, p.Digest, p.Material.Digest())
}

// PutInventory keeps an inventory that is under way; name tells passes apart. The last writer is right.
func (f *Folder) PutInventory(ctx context.Context, name string, v any) error {
	return f.store.put(ctx, f.Key("inventory-"+name+".json"), v, condition{})
}

// Inventory reads an inventory that is under way, or returns ErrNotFound.
func (f *Folder) Inventory(ctx context.Context, name string, v any) error {
	return f.read(ctx, "inventory-"+name+".json", v)
}

// LastCommitted is the plan of the account's last run that committed: what earlier runs were allowed to delete, and may have
// left half done. ok is false where no run has committed.
func (s *Store) LastCommitted(ctx context.Context, account string) (plan closing.Plan, ok bool, err error) {
	keys, err := s.list(ctx, "closings/"+account+"/")
	if err != nil {
		return closing.Plan{}, false, err
	}
	for _, key := range slices.Backward(keys) { // the runs' folders are in the order of starting
		prefix, committed := strings.CutSuffix(key, "commit.json")
		if !committed {
			continue
		}
		var c closing.Commit
		if _, _, err := s.get(ctx, key, &c); err != nil {
			return closing.Plan{}, false, err
		}
		plan, err := s.Folder(prefix, c.Execution).Plan(ctx, PlanName(c.Round), c.Round)
		if err == nil && plan.Digest != c.Digest {
			err = invalid(prefix+PlanName(c.Round), "it is not the plan that was committed")
		}
		return plan, err == nil, err
	}
	return closing.Plan{}, false, nil
}

// PutExport keeps an export that is under way. The last writer is right.
func (f *Folder) PutExport(ctx context.Context, round int, v any) error {
	return f.store.put(ctx, f.Key(fmt.Sprintf("export-%d.json", round)), v, condition{})
}

// Export reads an export that is under way, or returns ErrNotFound.
func (f *Folder) Export(ctx context.Context, round int, v any) error {
	return f.read(ctx, fmt.Sprintf("export-%d.json", round), v)
}

// ManifestName is the object that says what of a round's plan was saved.
func ManifestName(round int) string { return fmt.Sprintf("manifest-%d.json", round) }

// PutManifest writes what was saved, and returns the manifest that stands.
func (f *Folder) PutManifest(ctx context.Context, m closing.Manifest) (closing.Manifest, error) {
	m.Version, m.Execution = 1, f.execution
	name := ManifestName(m.Round)
	standing, err := once(ctx, f, name, m)
	if err != nil {
		return closing.Manifest{}, err
	}
	return standing, f.names(name, standing.Execution, standing.Round, m.Round, standing.Digest, m.Digest)
}

// Manifest reads what was saved of the plan of a round with this digest, or returns ErrNotFound.
func (f *Folder) Manifest(ctx context.Context, round int, digest string) (closing.Manifest, error) {
	var m closing.Manifest
	name := ManifestName(round)
	if err := f.read(ctx, name, &m); err != nil {
		return closing.Manifest{}, err
	}
	return m, f.names(name, m.Execution, m.Round, round, m.Digest, digest)
}

func askName(round int) string { return fmt.Sprintf("ask-%d.json", round) }

// PutAsk opens a round and returns the ask that stands.
func (f *Folder) PutAsk(ctx context.Context, a closing.Ask) (closing.Ask, error) {
	standing, err := once(ctx, f, askName(a.Round), a)
	if err != nil {
		return closing.Ask{}, err
	}
	return standing, f.names(askName(a.Round), standing.Execution, standing.Round, a.Round, standing.Digest, a.Digest)
}

// Ask reads the ask of a round, and checks that it asks for the digest.
func (f *Folder) Ask(ctx context.Context, round int, digest string) (closing.Ask, error) {
	var a closing.Ask
	if err := f.read(ctx, askName(round), &a); err != nil {
		return closing.Ask{}, err
	}
	return a, f.names(askName(round), a.Execution, a.Round, round, a.Digest, digest)
}

// LatestAsk reads the ask of the newest round, or returns ErrNotFound. Its digest is its reader's to compare.
func (f *Folder) LatestAsk(ctx context.Context) (closing.Ask, error) {
	for round := closing.MaxRounds; round > 0; round-- {
		var a closing.Ask
		err := f.read(ctx, askName(round), &a)
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err != nil {
			return closing.Ask{}, err
		}
		return a, f.names(askName(round), a.Execution, a.Round, round, a.Digest, a.Digest)
	}
	return closing.Ask{}, ErrNotFound
}

// Token is the doorbell of the state that waits: whoever has decided rings it.
type Token struct {
	Execution string `json:"execution"`
	Round     int    `json:"round"`
	Digest    string `json:"digest"`
	State     string `json:"state"`
	Token     string `json:"token"`
}

// PutToken replaces the doorbell by the newest one.
func (f *Folder) PutToken(ctx context.Context, t Token) error {
	t.Execution = f.execution
	return f.store.put(ctx, f.Key("token.json"), t, condition{})
}

// Token reads the newest doorbell, or returns ErrNotFound.
func (f *Folder) Token(ctx context.Context) (Token, error) {
	var t Token
	if err := f.read(ctx, "token.json", &t); err != nil {
		return Token{}, err
	}
	return t, f.names("token.json", t.Execution, t.Round, t.Round, t.Digest, t.Digest)
}

func decisionName(round int, person string) string {
	return fmt.Sprintf("decisions/%d/%s.json", round, clean(person))
}

// PutDecision writes a person's decision and returns the one that stands: the first.
func (f *Folder) PutDecision(ctx context.Context, d closing.Decision) (closing.Decision, error) {
	d.Execution = f.execution
	name := decisionName(d.Round, d.Person)
	standing, err := once(ctx, f, name, d)
	if err != nil {
		return closing.Decision{}, err
	}
	return standing, f.names(name, standing.Execution, standing.Round, d.Round, standing.Digest, d.Digest)
}

// Decisions reads what was decided in a round. An object that names another run, round or digest, or stands under another
// person's name, is an error: nobody but the one writer should have written there.
func (f *Folder) Decisions(ctx context.Context, round int, digest string) ([]closing.Decision, error) {
	keys, err := f.below(ctx, fmt.Sprintf("decisions/%d/", round))
	if err != nil {
		return nil, err
	}
	var decisions []closing.Decision
	for _, key := range keys {
		var d closing.Decision
		name := strings.TrimPrefix(key, f.prefix)
		if err := f.read(ctx, name, &d); err != nil {
			return nil, err
		}
		if err := f.names(name, d.Execution, d.Round, round, d.Digest, digest); err != nil {
			return nil, err
		}
		if name != decisionName(round, d.Person) {
			return nil, invalid(key, "it is not under the name of the person who decided")
		}
		decisions = append(decisions, d)
	}
	return decisions, nil
}

// PutSeal tries to seal the run and returns the seal that stands: the first.
func (f *Folder) PutSeal(ctx context.Context, s closing.Seal) (closing.Seal, error) {
	s.Execution = f.execution
	s, err := once(ctx, f, "seal.json", s)
	if err != nil {
		return closing.Seal{}, err
	}
	return s, f.names("seal.json", s.Execution, s.Round, s.Round, s.Digest, s.Digest)
}

// Seal reads the seal, or returns ErrNotFound.
func (f *Folder) Seal(ctx context.Context) (closing.Seal, error) {
	var s closing.Seal
	if err := f.read(ctx, "seal.json", &s); err != nil {
		return closing.Seal{}, err
	}
	return s, f.names("seal.json", s.Execution, s.Round, s.Round, s.Digest, s.Digest)
}

// PutCommit writes the commit and returns the one that stands.
func (f *Folder) PutCommit(ctx context.Context, c closing.Commit) (closing.Commit, error) {
	c.Execution = f.execution
	standing, err := once(ctx, f, "commit.json", c)
	if err != nil {
		return closing.Commit{}, err
	}
	return standing, f.names("commit.json", standing.Execution, standing.Round, c.Round, standing.Digest, c.Digest)
}

// Commit reads the commit, or returns ErrNotFound. Its round and digest are its reader's to compare with the plan.
func (f *Folder) Commit(ctx context.Context) (closing.Commit, error) {
	var c closing.Commit
	if err := f.read(ctx, "commit.json", &c); err != nil {
		return closing.Commit{}, err
	}
	return c, f.names("commit.json", c.Execution, c.Round, c.Round, c.Digest, c.Digest)
}

// The names of what is intended and of what came of it differ in their ends.
const (
	intentSuffix  = "-intent.json"
	outcomeSuffix = "-outcome.json"
)

// PutAct writes an intent (where Done is nil) or an outcome. The object's name is the act's, so that a retried intent replaces
// itself, and the outcome stands beside it.
func (f *Folder) PutAct(ctx context.Context, a closing.Act) error {
	a.Execution = f.execution
	kind := intentSuffix
	if a.Done != nil {
		kind = outcomeSuffix
	}
	name := path.Join("acts", clean(a.Step), fmt.Sprintf("%s-%03d-%s-%s",
		a.Intended.UTC().Format("20060102T150405.000Z"), a.Seq, clean(a.Operation), clean(a.Resource))+kind)
	return f.store.put(ctx, f.Key(name), a, condition{})
}

// Acts reads all acts, in the order in which they were intended. An act with an outcome stands once.
func (f *Folder) Acts(ctx context.Context) ([]closing.Act, error) {
	keys, err := f.below(ctx, "acts/")
	if err != nil {
		return nil, err
	}
	byName := map[string]closing.Act{}
	for i, key := range keys {
		name := strings.TrimPrefix(key, f.prefix)
		act, intent := strings.CutSuffix(name, intentSuffix)
		if intent && i+1 < len(keys) && keys[i+1] == f.Key(act+outcomeSuffix) {
			continue // the outcome, which sorts right behind, says all that the intent does
		}
		var a closing.Act
		if err := f.read(ctx, name, &a); err != nil {
			return nil, err
		}
		if err := f.names(name, a.Execution, 0, 0, "", ""); err != nil {
			return nil, err
		}
		byName[strings.TrimSuffix(act, outcomeSuffix)] = a
	}
	return inOrder(byName), nil
}

// PutReport writes the next report, beginning with number 1, and returns its key.
func (f *Folder) PutReport(ctx context.Context, r closing.Report) (key string, err error) {
	return f.putReport(ctx, r)
}

func (f *Folder) putReport(ctx context.Context, r any) (key string, err error) {
	for n := 1; n <= 100; n++ {
		name := fmt.Sprintf("report-%d.json", n)
		err := f.store.put(ctx, f.Key(name), r, condition{absent: true})
		if errors.Is(err, errTaken) {
			continue
		}
		return f.Key(name), err
	}
	return "", invalid(f.Key("report-100.json"), "there are a hundred reports already")
}

// LastReport reads the newest report and its key, or returns ErrNotFound.
func (f *Folder) LastReport(ctx context.Context) (last closing.Report, key string, err error) {
	return lastReport[closing.Report](ctx, f)
}

func lastReport[R any](ctx context.Context, f *Folder) (last R, key string, err error) {
	err = ErrNotFound
	for n := 1; ; n++ {
		var r R
		name := fmt.Sprintf("report-%d.json", n)
		missing := f.read(ctx, name, &r)
		if errors.Is(missing, ErrNotFound) {
			return last, key, err
		}
		if missing != nil {
			return last, "", missing
		}
		last, key, err = r, f.Key(name), nil
	}
}

// announcement says that a report has been announced.
type announcement struct {
	Execution string `json:"execution"`
}

// announcedKey is where it stands: beside the report.
func announcedKey(report string) string {
	return strings.TrimSuffix(report, ".json") + ".announced.json"
}

// PutAnnounced notes that the report of this key has been announced.
func (f *Folder) PutAnnounced(ctx context.Context, report string) error {
	err := f.store.put(ctx, announcedKey(report), announcement{f.execution}, condition{absent: true})
	if errors.Is(err, errTaken) {
		return nil
	}
	return err
}

// Announced tells whether the report of this key has been announced.
func (f *Folder) Announced(ctx context.Context, report string) (bool, error) {
	var a announcement
	_, _, err := f.store.get(ctx, announcedKey(report), &a)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}
