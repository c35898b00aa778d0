package step

import (
	"context"

	"quicksight-unsubscribe/internal/closing"
	"quicksight-unsubscribe/internal/record"
)

// drift tells what is new or changed in now against approved: how many facts, and the first of them. Lists that are equal are not read.
// Where keep is set, all of it is kept in the record.
func drift(ctx context.Context, folder *record.Folder, approved, now closing.Material, keep bool) (closing.Differences, error) {
	all := record.NewSorter[closing.Difference](folder, nil)
	defer all.Close()
	var found closing.Differences
	see := func(d closing.Difference) error {
		if found.N++; len(found.First) < MaxListed {
			found.First = append(found.First, d)
		}
		return all.Add(d)
	}
	for _, d := range closing.Drift(approved, now) {
		if err := see(d); err != nil {
			return found, err
		}
	}
	if approved.Assets != now.Assets {
		if err := closing.AssetDrift(record.List[closing.Asset](ctx, folder, approved.Assets), record.List[closing.Asset](ctx, folder, now.Assets), see); err != nil {
			return found, err
		}
	}
	if approved.Unsaved != now.Unsaved {
		if err := closing.UnsavedDrift(record.List[closing.Unsaved](ctx, folder, approved.Unsaved), record.List[closing.Unsaved](ctx, folder, now.Unsaved), see); err != nil {
			return found, err
		}
	}
	var err error
	if keep {
		found.All, err = all.List(ctx, nil)
	}
	return found, err
}

// differences is what a result says of them.
func differences(d closing.Differences) List {
	texts := []string{}
	for _, one := range d.First {
		texts = append(texts, one.String())
	}
	return List{Items: texts, Total: d.N}
}
