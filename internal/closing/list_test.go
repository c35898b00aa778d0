package closing

import (
	"errors"
	"iter"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// listOf is a list of assets, in order.
func listOf(assets ...Asset) iter.Seq2[Asset, error] {
	return func(yield func(Asset, error) bool) {
		for _, a := range assets {
			if !yield(a, nil) {
				return
			}
		}
	}
}

// Ensure that what is new or changed among the assets is told, each with what it was; and that what has disappeared is not.
func TestAssetDrift(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	later := at.Add(time.Second)
	board := Asset{ARN: "arn:dashboard/1", Kind: "dashboard", Region: "us-east-1", Updated: &at}
	edited := board
	edited.Updated = &later
	ann, bob := Asset{ARN: "arn:user/ann", Kind: "user", Region: "us-east-1", Role: "READER"}, Asset{ARN: "arn:user/bob", Kind: "user", Region: "us-east-1"}
	promoted := ann
	promoted.Role = "ADMIN"
	for name, tt := range map[string]struct {
		was, is []Asset
		want    []string
	}{
		"the same":   {[]Asset{board, ann}, []Asset{board, ann}, nil},
		"empty":      {nil, nil, nil},
		"all gone":   {[]Asset{board, ann, bob}, nil, nil},
		"all new":    {nil, []Asset{board, ann}, []string{"dashboard arn:dashboard/1", "user arn:user/ann"}},
		"first new":  {[]Asset{ann}, []Asset{board, ann}, []string{"dashboard arn:dashboard/1"}},
		"last new":   {[]Asset{board}, []Asset{board, bob}, []string{"user arn:user/bob"}},
		"one edited": {[]Asset{board, ann}, []Asset{edited, ann}, []string{"dashboard arn:dashboard/1"}},
		"promoted":   {[]Asset{board, ann, bob}, []Asset{promoted}, []string{"user arn:user/ann"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got []string
			err := AssetDrift(listOf(tt.was...), listOf(tt.is...), func(d Difference) error {
				if known := slices.ContainsFunc(tt.was, func(a Asset) bool { return a.ARN == d.ID }); known != (d.Before != nil) {
					t.Errorf("%s: before is %s", d.ID, d.Before)
				}
				got = append(got, d.What+" "+d.ID)
				return nil
			})
			if diff := cmp.Diff(tt.want, got); err != nil || diff != "" {
				t.Errorf("%v, (-want +got):\n%s", err, diff)
			}
		})
	}
}

// Ensure that an error of either list, or of whoever looks, ends a join: half a comparison is none.
func TestJoinEnds(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	bad := func(yield func(Asset, error) bool) { _ = yield(Asset{ARN: "a"}, nil) && yield(Asset{}, broken) }
	good := listOf(Asset{ARN: "a"}, Asset{ARN: "b"})
	ignore := func(*Asset, *Asset) error { return nil }
	for name, err := range map[string]error{
		"left":  Join(bad, good, ignore),
		"right": Join(good, bad, ignore),
		"see":   Join(good, good, func(*Asset, *Asset) error { return broken }),
	} {
		if !errors.Is(err, broken) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// Ensure that assets are counted by region, kind and role, and the first of each are named.
func TestContents(t *testing.T) {
	t.Parallel()
	var m Material
	for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
		m.Add(Asset{Region: "eu-west-1", Kind: "dashboard", Name: name, ARN: "arn:dashboard/" + name})
	}
	m.Add(Asset{Region: "us-east-1", Kind: "user", Role: "READER", ARN: "arn:user/default/ann"})
	m.Add(Asset{Region: "us-east-1", Kind: "user", Role: "ADMIN", Name: "bob"})
	m.Add(Asset{Region: "us-east-1", Kind: "user", Role: "READER", Name: "eve"})
	want := []Content{
		{Region: "eu-west-1", Kind: "dashboard", N: 6, First: []string{"a", "b", "c", "d", "e"}},
		{Region: "us-east-1", Kind: "user", Role: "READER", N: 2, First: []string{"ann", "eve"}},
		{Region: "us-east-1", Kind: "user", Role: "ADMIN", N: 1, First: []string{"bob"}},
	}
	if diff := cmp.Diff(want, m.Contents); diff != "" || m.Count("user") != 3 || m.Count("topic") != 0 {
		t.Errorf("%d users, (-want +got):\n%s", m.Count("user"), diff)
	}
}
