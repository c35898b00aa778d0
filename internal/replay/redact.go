package replay

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"quicksight-unsubscribe/internal/emulator"
)

// redacter takes out of texts what nobody may read in a page that is passed on: task tokens, and whatever proves an identity.
type redacter struct{ known *strings.Replacer }

const hidden = "[hidden]"

// newRedacter knows the secrets of a run. Of a real execution none are known: there the names of members have to do.
func newRedacter(r *Run) redacter {
	var pairs []string
	hide := func(secret string) {
		if secret != "" {
			pairs = append(pairs, secret, hidden)
		}
	}
	if r != nil {
		for _, token := range r.tokens() {
			hide(token)
		}
		for _, w := range []*emulator.World{r.Before, r.After} {
			for _, key := range sorted(w.Sessions) {
				hide(w.Sessions[key].SessionToken)
				hide(w.Sessions[key].SecretAccessKey)
			}
			for _, id := range sorted(w.Accounts) {
				for _, p := range w.Accounts[id].Principals {
					hide(p.SecretAccessKey)
				}
			}
		}
		hide(emulator.DefaultSecret)
	}
	return redacter{strings.NewReplacer(pairs...)}
}

var (
	// secretMember is a member of JSON, also of JSON within a string, whose value is a secret.
	secretMember = regexp.MustCompile(`(?i)((?:\\*")(?:taskToken|token|secretAccessKey|sessionToken|authorization|x-amz-security-token|password)(?:\\*")\s*:\s*\\*")((?:[^"\\]|\\[^"\\])+)`)
	// signature is what makes a presigned URL valid.
	signature = regexp.MustCompile(`(?i)(X-Amz-(?:Signature|Security-Token|Credential)=)[^&"\\\s]+`)
)

func (r redacter) text(s string) string {
	s = r.known.Replace(s)
	if !maySecret(s) {
		return s
	}
	s = secretMember.ReplaceAllString(s, "${1}"+hidden)
	return signature.ReplaceAllString(s, "${1}"+hidden)
}

// maySecret tells whether a text is worth a look with regular expressions, which are slow.
func maySecret(s string) bool {
	s = strings.ToLower(s)
	return slices.ContainsFunc([]string{"token", "secret", "authorization", "x-amz-", "password"}, func(word string) bool { return strings.Contains(s, word) })
}

// longest is how much of one JSON text a page shows.
const longest = 4000

// json is a JSON text as people read it, without secrets, cut where it is too long for a page.
func (r redacter) json(s string) string {
	if s == "" {
		return ""
	}
	s = r.text(s)
	var out bytes.Buffer
	if err := json.Indent(&out, []byte(s), "", "  "); err == nil {
		s = out.String()
	}
	if len(s) > longest {
		cut := strings.ToValidUTF8(s[:longest], "")
		return cut + "\n… cut here"
	}
	return s
}
