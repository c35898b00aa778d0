package record_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"quicksight-unsubscribe/internal/closing"
	"quicksight-unsubscribe/internal/emulator"
	"quicksight-unsubscribe/internal/record"
)

// dashboard is the nth of some assets, whose keys are in the order of n.
func dashboard(n int) closing.Asset {
	return closing.Asset{ARN: fmt.Sprintf("arn:dashboard/%05d", n), Kind: "dashboard", Region: "us-east-1"}
}

func (l *lab) list(f *record.Folder, ref closing.ListRef) []closing.Asset {
	l.t.Helper()
	var got []closing.Asset
	for a, err := range record.List[closing.Asset](l.ctx(), f, ref) {
		if err != nil {
			l.t.Fatal(err)
		}
		got = append(got, a)
	}
	return got
}

// Ensure that a list is the same object in whatever order, with whatever repetitions and in however many invocations its records came, and
// that of records with the same key the last one stays.
func TestSorterMakesOneList(t *testing.T) {
	t.Parallel()
	const n = 1800 // more than a sorter has in memory, three times
	l := newLab(t)
	f := l.folder(l.store, run1)
	var all []closing.Asset
	for i := range n {
		all = append(all, dashboard(i))
	}
	want, err := record.PutList(l.ctx(), f, all...)
	if err != nil || want.N != n {
		t.Fatal(want, err)
	}
	if diff := cmp.Diff(all, l.list(f, want)); diff != "" {
		t.Fatalf("what was kept (-want +got):\n%s", diff)
	}
	for invocations := range 20 { // more than a sorter leaves parts behind
		random := rand.New(rand.NewPCG(uint64(invocations), 0))
		shuffled := slices.Clone(all)
		random.Shuffle(n, func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		stale := shuffled[0]
		stale.Name = "before it was renamed"
		shuffled = slices.Concat([]closing.Asset{stale}, shuffled, shuffled[:n/10])
		var parts []closing.ListRef
		var got closing.ListRef
		for chunk := range slices.Chunk(shuffled, len(shuffled)/(invocations+1)+1) {
			s := record.NewSorter[closing.Asset](f, parts)
			for _, a := range chunk {
				if err := s.Add(a); err != nil {
					t.Fatal(err)
				}
			}
			if got, err = s.List(l.ctx(), nil); err != nil {
				t.Fatal(err)
			}
			if parts, err = s.Save(l.ctx()); err != nil {
				t.Fatal(err)
			}
			s.Close()
		}
		if got != want {
			t.Errorf("in %d invocations: got %v, want %v", invocations+1, got, want)
		}
		if len(parts) > 17 {
			t.Errorf("%d invocations leave %d parts", invocations+1, len(parts))
		}
	}
}

// Ensure that an empty list is no object, and that a list which is read in part can be left.
func TestListEnds(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	f := l.folder(l.store, run1)
	empty, err := record.PutList[closing.Asset](l.ctx(), f)
	if err != nil || empty != (closing.ListRef{}) || l.list(f, empty) != nil {
		t.Errorf("the empty list is %v, %v", empty, err)
	}
	ref, err := record.PutList(l.ctx(), f, dashboard(2), dashboard(1), dashboard(3))
	if err != nil {
		t.Fatal(err)
	}
	first, err := record.First[closing.Asset](l.ctx(), f, ref, 2)
	if diff := cmp.Diff([]closing.Asset{dashboard(1), dashboard(2)}, first); err != nil || diff != "" {
		t.Errorf("%v, (-want +got):\n%s", err, diff)
	}
}

// Ensure that a list of which as much as one byte differs, or that is gone, is refused by its name before any of it is read.
func TestTamperedListIsRefused(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"one asset less": `{"arn":"arn:dashboard/00001","kind":"dashboard","region":"us-east-1"}` + "\n",
		"empty":          "",
		"no lines":       "[]",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			f := l.folder(l.store, run1)
			ref, err := record.PutList(l.ctx(), f, dashboard(1), dashboard(2))
			if err != nil {
				t.Fatal(err)
			}
			l.put(f.Key("lists/"+ref.SHA256+".jsonl"), body)
			l.refused(f, ref)
		})
	}
	l := newLab(t)
	l.refused(l.folder(l.store, run1), closing.ListRef{N: 1, SHA256: strings.Repeat("0", 64)})
}

func (l *lab) refused(f *record.Folder, ref closing.ListRef) {
	l.t.Helper()
	for a, err := range record.List[closing.Asset](l.ctx(), f, ref) {
		if closing.CodeOf(err) != closing.RecordInvalid || !strings.Contains(err.Error(), "lists/"+ref.SHA256) {
			l.t.Errorf("got %v, %v, want a refusal that names the object", a, err)
		}
		return
	}
	l.t.Error("the list was read to its end")
}

// Ensure that a list is kept in spite of an answer that was lost and of another write that is under way, and that a write which fails says so.
func TestListIsKept(t *testing.T) {
	t.Parallel()
	l := newLab(t, puts(emulator.Fault{Error: &emulator.APIError{Code: "ConditionalRequestConflict", Status: 409}, Times: 2}))
	f := l.folder(l.store, run1)
	ref, err := record.PutList(l.ctx(), f, dashboard(1))
	if err != nil || len(l.list(f, ref)) != 1 {
		t.Errorf("%v, %v", ref, err)
	}
	again, err := record.PutList(l.ctx(), f, dashboard(1))
	if err != nil || again != ref {
		t.Errorf("the same list again is %v, %v", again, err)
	}
	l = newLab(t, puts(emulator.Fault{Denied: true}))
	if _, err := record.PutList(context.Background(), l.folder(l.store, run1), dashboard(1)); err == nil || !strings.Contains(err.Error(), "AccessDenied") {
		t.Errorf("got %v, want AccessDenied", err)
	}
}
