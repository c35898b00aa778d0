package replay

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"quicksight-unsubscribe/internal/emulator"
)

// belonging is something that an account has.
type belonging struct {
	Kind, Region, ID, Label string

	part    part
	content map[string]any
}

// part is where a belonging stands: what everything hangs on comes first.
type part int

const (
	partSubscription part = iota
	partMembers
	partAssets
	partDirectories
	partVPCs
	partNetwork
)

// belongings lists what an account has of QuickSight, directories and networks, by a key that a later world has too.
func belongings(w *emulator.World, account string) map[string]belonging {
	found := map[string]belonging{}
	if w == nil || w.Accounts[account] == nil {
		return found
	}
	text, err := json.Marshal(w.Accounts[account])
	if err != nil {
		panic(fmt.Sprintf("replay: encode the account: %v", err)) // it came from JSON
	}
	var a struct {
		QuickSight  map[string]any
		Directories []any
		Network     map[string]map[string]any
	}
	if err := json.Unmarshal(text, &a); err != nil {
		panic(fmt.Sprintf("replay: decode the account: %v", err))
	}
	list := func(part part, kind, region string, items []any) {
		for _, item := range items {
			b := belonging{Kind: kind, Region: region, part: part}
			switch item := item.(type) {
			case string:
				b.ID = item
			case map[string]any:
				b.content = item
				for _, member := range []string{"id", "arn", "userName", "name"} {
					if b.ID == "" {
						b.ID, _ = item[member].(string)
					}
				}
				b.Label, _ = item["name"].(string)
				if region == "" {
					b.Region, _ = item["region"].(string)
				}
			}
			if b.ID == "" || b.content["state"] == "deleted" { // EC2 goes on showing a gateway for an hour after it is gone
				continue
			}
			if b.Label == b.ID || strings.HasSuffix(b.ID, "/"+b.Label) {
				b.Label = ""
			}
			found[kind+"\x00"+b.Region+"\x00"+b.ID] = b
		}
	}
	if q := a.QuickSight; q != nil && q["status"] != "UNSUBSCRIBED" {
		name, _ := q["accountName"].(string)
		own := map[string]any{}
		for member, value := range q {
			switch value.(type) {
			case string, bool:
				own[member] = value
			}
		}
		region, _ := q["identityRegion"].(string)
		found["subscription"] = belonging{Kind: "subscription", Region: region, ID: account, Label: name, content: own}
		for _, kind := range []string{"namespaces", "users", "groups"} {
			items, _ := q[kind].([]any)
			list(partMembers, kind, region, items)
		}
		regions, _ := q["regions"].(map[string]any)
		for _, region := range sorted(regions) {
			assets, _ := regions[region].(map[string]any)
			for _, kind := range sorted(assets) {
				if items, _ := assets[kind].([]any); kind != "exportJobs" {
					list(partAssets, kind, region, items)
				}
			}
		}
	}
	list(partDirectories, "directories", "", a.Directories)
	for _, region := range sorted(a.Network) {
		for _, kind := range sorted(a.Network[region]) {
			items, _ := a.Network[region][kind].([]any)
			if kind == "vpcs" {
				list(partVPCs, kind, region, items)
			} else if kind != "changes" {
				list(partNetwork, kind, region, items)
			}
		}
	}
	return found
}

// fateRow is one belonging before, at the commit and after.
type fateRow struct {
	Kind, Region, ID, Label  string
	Before, AtCommit, AtLast string // "there", "gone", "not there", or what changed
	Gone                     bool

	part part
}

// compareWorlds lists what an account had, in the order of kinds; atCommit is nil where a run committed nothing.
func compareWorlds(before, atCommit, after *emulator.World, account string) []fateRow {
	was, between, is := belongings(before, account), belongings(atCommit, account), belongings(after, account)
	if atCommit == nil {
		between = is
	}
	all := maps.Clone(was)
	for _, later := range []map[string]belonging{between, is} {
		for key, b := range later {
			if _, known := all[key]; !known {
				all[key] = b
			}
		}
	}
	var rows []fateRow
	for _, key := range sorted(all) {
		b := all[key]
		row := fateRow{Kind: b.Kind, Region: b.Region, ID: b.ID, Label: b.Label, part: b.part}
		first, had := was[key]
		second, has := between[key]
		third, keeps := is[key]
		row.Before = presence(belonging{}, false, first, had)
		row.AtCommit = presence(first, had, second, has)
		row.AtLast = presence(second, has, third, keeps)
		row.Gone = !keeps
		rows = append(rows, row)
	}
	slices.SortStableFunc(rows, func(a, b fateRow) int {
		return cmp.Or(int(a.part)-int(b.part), strings.Compare(a.Kind, b.Kind), strings.Compare(a.Region, b.Region), strings.Compare(a.ID, b.ID))
	})
	return rows
}

func presence(before belonging, had bool, now belonging, has bool) string {
	switch {
	case !has && had:
		return "gone"
	case !has:
		return "not there"
	case !had:
		return "there"
	}
	var changes []string
	for _, member := range sorted(now.content) {
		switch value := now.content[member].(type) {
		case string, bool:
			if old, known := before.content[member]; known && old != value {
				changes = append(changes, fmt.Sprintf("%s: %v → %v", member, old, value))
			}
		}
	}
	if len(changes) == 0 {
		return "there"
	}
	return strings.Join(changes, ", ")
}

// keepCommit keeps the world as the first commit found it.
func (p *player) keepCommit(call emulator.Call) {
	if p.run.AtCommit == nil && call.Service == "s3" && call.Operation == "PutObject" && strings.HasSuffix(keyOf(call), "/commit.json") {
		p.run.AtCommit = p.aws.World()
	}
}
