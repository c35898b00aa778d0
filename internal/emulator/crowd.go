package emulator

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// crowd is how many accounts make a world in which a call must not cost more the more accounts there are.
const crowd = 16

// settled brings the world up to date for a call. In a crowd that is the caller's account alone: what others have goes on by itself, and is brought
// up to date when they look at it.
func (a *AWS) settled(account string, now time.Time) {
	if len(a.world.Accounts) <= crowd {
		a.world.settle(a, now)
		return
	}
	a.world.Accounts[account].settle(a, account, now)
}

// remembers tells whether the world is kept as it was before each change: for reads that are answered with yesterday's state.
func (a *AWS) remembers() bool {
	return len(a.world.Accounts) <= crowd || slices.ContainsFunc(a.faults, func(f *armedFault) bool { return f.Stale })
}

// holder is who has a long-lived access key.
type holder struct{ account, secret, arn string }

// holderOf finds who has an access key.
func (a *AWS) holderOf(key string) (holder, bool) {
	if a.holders == nil {
		a.holders = map[string]holder{}
		for id, account := range a.world.Accounts {
			for _, c := range account.Principals {
				a.holders[c.AccessKeyID] = holder{id, c.SecretAccessKey, c.ARN}
			}
		}
	}
	h, ok := a.holders[key]
	return h, ok
}

// keysBelow lists a bucket's keys with a prefix, in order. Keys are remembered by their first two folders, the depth at which a record of many accounts
// spreads.
func (a *AWS) keysBelow(b *Bucket, prefix string) []string {
	index := a.keys[b]
	if index == nil || index.n != len(b.Objects) {
		index = &keyIndex{folders: map[string][]string{}}
		for key := range b.Objects {
			index.add(key)
		}
		if a.keys == nil {
			a.keys = map[*Bucket]*keyIndex{}
		}
		a.keys[b] = index
	}
	var found []string
	if folder := folderOf(prefix); folder != "" {
		found = slices.DeleteFunc(slices.Clone(index.folders[folder]), func(key string) bool { return !strings.HasPrefix(key, prefix) })
	} else {
		for key := range b.Objects {
			if strings.HasPrefix(key, prefix) {
				found = append(found, key)
			}
		}
	}
	slices.Sort(found)
	return found
}

// Discard drops the objects of a bucket below two folders that keep does not want, with all their versions, as nobody in AWS could: a story of very
// many accounts would not find room in memory otherwise.
func (a *AWS) Discard(account, bucket, below string, keep func(key string) bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	b := a.world.Accounts[account].Buckets[bucket]
	var kept []string
	for _, key := range a.keysBelow(b, below) {
		if keep(key) {
			kept = append(kept, key)
		} else {
			delete(b.Objects, key)
		}
	}
	index := a.keys[b]
	index.folders[folderOf(below)], index.n = kept, len(b.Objects)
}

// Retire drops an account that nobody will look at again, as if it had never been.
func (a *AWS) Retire(account string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.world.Accounts, account)
	maps.DeleteFunc(a.world.Sessions, func(_ string, s *Session) bool { return s.Account == account })
	maps.DeleteFunc(a.holders, func(_ string, h holder) bool { return h.account == account })
	maps.DeleteFunc(a.owners, func(_, owner string) bool { return owner == account })
}

// keyIndex are the keys of a bucket, by folder.
type keyIndex struct {
	n       int
	folders map[string][]string
}

func (i *keyIndex) add(key string) {
	i.n++
	folder := folderOf(key)
	i.folders[folder] = append(i.folders[folder], key)
}

// folderOf are the first two folders of a key, "" where it has fewer.
func folderOf(key string) string {
	first := strings.IndexByte(key, '/')
	if first < 0 {
		return ""
	}
	second := strings.IndexByte(key[first+1:], '/')
	if second < 0 {
		return ""
	}
	return key[:first+1+second+1]
}
