package asl

import (
	"math/rand/v2"
	"strings"
	"testing"
)

func TestItemBatcher(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ batcher, want string }{
		{`{"MaxItemsPerBatch":2}`, `[{"Items":[1,2]},{"Items":[3,4]},{"Items":[5]}]`},
		{`{"MaxItemsPerBatch":9,"BatchInput":{"x":"{% $states.input.x %}"}}`, `[{"BatchInput":{"x":1},"Items":[1,2,3,4,5]}]`},
		{`{"MaxInputBytesPerBatch":15}`, `[{"Items":[1,2]},{"Items":[3,4]},{"Items":[5]}]`}, // {"Items":[1,2]} has 15
		{`{"MaxInputBytesPerBatch":16,"MaxItemsPerBatch":3}`, `[{"Items":[1,2]},{"Items":[3,4]},{"Items":[5]}]`},
		{`{"MaxInputBytesPerBatch":100,"MaxItemsPerBatch":"{% $states.input.x + 3 %}"}`, `[{"Items":[1,2,3,4]},{"Items":[5]}]`},
		{`{"MaxInputBytesPerBatch":12}`, `States.DataLimitExceeded: item 0 does not fit into a batch of 12 bytes`},
		{`{"MaxItemsPerBatch":"{% -$states.input.x %}"}`, `States.Runtime: An error occurred while executing the state 'M' (entered at the event id #2). MaxItemsPerBatch cannot be negative.`},
	} {
		e := parse(t, strings.Replace(reads(``), `"ItemReader":{}`, `"Items":[1,2,3,4,5],"ItemBatcher":`+c.batcher, 1)).
			Start(options(nil, []byte(`{"x":1}`)))
		e.Run(t.Context())
		got := string(e.Output())
		if e.Status() != Succeeded {
			got = e.Error() + ": " + e.Cause()
		}
		if got != c.want {
			t.Errorf("%s gives %s, want %s", c.batcher, got, c.want)
		}
	}
}

// Batches keep every item, in order, and both limits; and none could have taken the item that follows it.
func TestBatchLimits(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // repeatable
	for range 2000 {
		items := make([]any, random.IntN(40))
		for i := range items {
			items[i] = strings.Repeat("x", random.IntN(30))
		}
		frame := newObject(1)
		if random.IntN(2) == 0 {
			frame.set("BatchInput", strings.Repeat("y", random.IntN(20)))
		}
		most, bytes := random.IntN(6), 80+random.IntN(100)
		size := func(group []any) int { return len(encode(frame.with("Items", group))) }
		groups, err := group(items, frame, most, bytes)
		if err != nil {
			t.Fatal(err)
		}
		next := 0
		for k, g := range groups {
			if len(g) == 0 || most > 0 && len(g) > most || size(g) > bytes {
				t.Fatalf("batch %d has %d items and %d bytes, limits %d and %d", k, len(g), size(g), most, bytes)
			}
			for _, v := range g {
				if v != items[next] {
					t.Fatalf("item %d is not where it should be", next)
				}
				next++
			}
			if k+1 < len(groups) && (most == 0 || len(g) < most) && size(append(g[:len(g):len(g)], items[next])) <= bytes {
				t.Fatalf("batch %d has room for the next item", k)
			}
		}
		if next != len(items) {
			t.Fatalf("%d of %d items", next, len(items))
		}
	}
}
