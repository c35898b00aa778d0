package record

import (
	"cmp"
	"maps"
	"slices"

	"quicksight-unsubscribe/internal/closing"
)

// inOrder lists acts by the time of their intent, then by their number within one invocation.
func inOrder(byName map[string]closing.Act) []closing.Act {
	names := slices.SortedFunc(maps.Keys(byName), func(a, b string) int {
		return cmp.Or(byName[a].Intended.Compare(byName[b].Intended), cmp.Compare(byName[a].Seq, byName[b].Seq), cmp.Compare(a, b))
	})
	acts := make([]closing.Act, 0, len(names))
	for _, name := range names {
		acts = append(acts, byName[name])
	}
	return acts
}
