package approval

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"html"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"quicksight-unsubscribe/internal/closing"
	"quicksight-unsubscribe/internal/step"
)

// view is what the page shows: the record of a closing, and what became of a decision that was just sent.
type view struct {
	ballot

	closing, execution string
	request            closing.Request
	unsaved            []closing.Unsaved // the first that the plan names
	coolOff            time.Duration
	answer             *Answer // nil: nothing was sent
	refusal            string  // why what was sent does not count
}

// consequences are what AWS says of DeleteAccountSubscription.
// https://docs.aws.amazon.com/quicksight/latest/APIReference/API_DeleteAccountSubscription.html
var consequences = []struct{ what, how string }{
	{"Everywhere.", "Whichever region it is called in, the account and all its data are deleted in every region."},
	{"All data.", "Every dashboard, analysis, dataset, data source and custom visual is permanently deleted."},
	{"Embedded content.", "Dashboards and visuals embedded in applications stop working at once and show errors."},
	{"Shared resources.", "Shared dashboards, folders and resources become inaccessible, to external recipients too."},
	{"Access.", "All users, authors, readers and administrators, lose access at once."},
	{"No recovery.", "What is deleted cannot be restored, not even by AWS."},
}

// style is the whole of the page's looks: one column, light and dark, as wide as a phone.
const style = `:root{color-scheme:light dark;--line:#8884;--bad:#b3261e;--good:#1e6b3a}
@media(prefers-color-scheme:dark){:root{--bad:#ff8a80;--good:#7fd39a}}
*{box-sizing:border-box}
body{font:1rem/1.5 system-ui,sans-serif;max-width:46rem;margin:0 auto;padding:1rem}
h1{font-size:1.5rem;line-height:1.25}h2{font-size:1.1rem;margin-top:2rem}
table{border-collapse:collapse;width:100%}td,th{text-align:left;vertical-align:top;padding:.25rem .75rem .25rem 0;border-bottom:1px solid var(--line)}
td:last-child,li,dd,p{overflow-wrap:anywhere}
dt{font-weight:600;margin-top:.5rem}dd{margin:0}
.banner{border-left:.3rem solid;padding:.5rem 1rem;margin:1rem 0}.bad{border-color:var(--bad)}.good{border-color:var(--good)}
form{border:1px solid var(--line);border-radius:.5rem;padding:1rem;margin:1rem 0}
label{display:block;font-weight:600}
input{font:inherit;width:100%;padding:.6rem;margin:.25rem 0 .75rem}input[type=checkbox]{width:1.2rem;height:1.2rem;margin:0}
button{font:inherit;font-weight:600;padding:.7rem 1.2rem;width:100%}
code,pre{font-size:.85em}pre{white-space:pre-wrap;overflow-wrap:anywhere}`

var styleHash = func() string {
	sum := sha256.Sum256([]byte(style))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}()

// sheet is HTML under way. What put gets is escaped, and the challenge is masked in it: whoever types it must have looked elsewhere.
type sheet struct {
	strings.Builder
	masked *regexp.Regexp // nil: nothing
}

func (s *sheet) put(format string, texts ...string) {
	args := make([]any, len(texts))
	for i, text := range texts {
		if s.masked != nil {
			text = s.masked.ReplaceAllString(text, "•••")
		}
		args[i] = html.EscapeString(text)
	}
	fmt.Fprintf(s, format, args...)
}

func (s *sheet) begin(title string) {
	s.put(`<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>%s</title><style>`, title)
	s.WriteString(style) // exactly what styleHash is of
	s.put("</style></head><body><main>\n")
}

func (s *sheet) end() string {
	s.put("</main></body></html>\n")
	return s.String()
}

// notice is a page that says one thing.
func notice(title, text string) string {
	var s sheet
	s.begin(title)
	s.put("<h1>%s</h1><p>%s</p>\n", title, text)
	return s.end()
}

func (v view) render() string {
	if v.plan.Material.Fleet != nil {
		return v.renderFleet()
	}
	s := &sheet{masked: v.plan.Material.Mask()}
	m := v.plan.Material
	s.begin("Close QuickSight in " + m.AccountID)
	s.put("<h1>Close Amazon QuickSight in AWS account %s?</h1>\n", m.AccountID)
	v.banner(s)
	v.facts(s)
	v.difference(s)
	v.destroyed(s)
	v.saved(s)
	v.network(s)
	v.follows(s)
	v.stays(s)
	v.decided(s)
	v.forms(s)
	return s.end()
}

// banner says where the closing stands, and what became of what was just sent.
func (v view) banner(s *sheet) {
	banner := func(class, text string) { s.put(`<p class="banner %s" role="status">%s</p>`+"\n", class, text) }
	if v.refusal != "" {
		banner("bad", v.refusal)
	}
	if v.answer != nil {
		banner("good", v.answer.Message)
	}
	at := func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }
	switch {
	case v.seal != nil && v.seal.Kind == closing.SealCancel:
		banner("good", fmt.Sprintf("Cancelled by %s at %s. Nothing is deleted.", v.seal.By, at(v.seal.At)))
	case v.seal != nil:
		banner("bad", fmt.Sprintf("Committed at %s: the account is being deleted. It is too late to cancel.", at(v.seal.At)))
	default:
		switch v.ask.Stands(v.decisions, v.now) {
		case closing.StandingRejected:
			banner("good", "Rejected. Nothing is deleted.")
		case closing.StandingExpired:
			banner("good", fmt.Sprintf("Expired at %s without the approvals that it needs. Nothing is deleted.", at(v.ask.Deadline)))
		case closing.StandingApproved:
			until := v.ask.ApprovedAt(v.decisions).Add(v.coolOff)
			if b := v.plan.Material.NotBefore; b != nil && b.After(until) {
				until = *b
			}
			banner("bad", fmt.Sprintf("Approved. It can be cancelled until the run commits, at %s or later.", at(until)))
		case closing.StandingPending:
			banner("bad", fmt.Sprintf("This cannot be undone. It waits for a decision until %s.", at(v.ask.Deadline)))
		}
	}
}

func (v view) facts(s *sheet) {
	row := func(name, value string) { s.put("<dt>%s</dt><dd>%s</dd>\n", name, value) }
	s.put("<dl>\n")
	row("Started by", v.ask.Starter)
	if v.request.Reason != "" {
		row("Reason", v.request.Reason)
	}
	row("Round", fmt.Sprintf("%d of at most %d", v.ask.Round, closing.MaxRounds))
	approvals := v.ask.Approvals(v.decisions)
	row("Approvals", fmt.Sprintf("%d of %d; whoever started the run cannot approve it", len(approvals), v.ask.Quorum))
	if b := v.plan.Material.NotBefore; b != nil {
		row("Not before", b.UTC().Format(time.RFC3339))
	}
	row("Plan", v.ask.Digest)
	row("Looked at", v.plan.Observed.At.UTC().Format(time.RFC3339))
	s.put("</dl>\n")
}

func (v view) difference(s *sheet) {
	if v.ask.Difference.N == 0 {
		return
	}
	s.put("<h2>It is asked again, because the account changed</h2><ul>\n")
	firstOf(s, v.ask.Difference.First, v.ask.Difference.N, closing.Difference.String)
	s.put("</ul>\n")
}

// shown is how many things of a kind the page lists.
const shown = 20

// items lists the first of some things, and how many more there are.
func items[T any](s *sheet, all []T, text func(T) string) { firstOf(s, all, len(all), text) }

// firstOf does so where the first are all that is known of n.
func firstOf[T any](s *sheet, first []T, n int, text func(T) string) {
	first = first[:min(len(first), shown)]
	for _, item := range first {
		s.put("<li>%s</li>\n", text(item))
	}
	if more := n - len(first); more > 0 {
		s.put("<li>and %s more</li>\n", strconv.Itoa(more))
	}
}

// destroyed is what goes, by kind and region, with its first names.
func (v view) destroyed(s *sheet) {
	m := v.plan.Material
	s.put("<h2>What is destroyed</h2><ul>\n")
	for _, c := range consequences {
		s.put("<li><strong>%s</strong> %s</li>\n", c.what, c.how)
	}
	s.put("</ul>\n<table><thead><tr><th>Kind</th><th>Region</th><th>Number</th><th>Among them</th></tr></thead><tbody>\n")
	row := func(kind, region string, n int, first []string) {
		names := strings.Join(first, ", ")
		if n > len(first) {
			names += ", …"
		}
		s.put("<tr><td>%s</td><td>%s</td><td>%s</td><td>%s</td></tr>\n", kind, region, strconv.Itoa(n), names)
	}
	for _, n := range m.Namespaces {
		row("namespace", n.CapacityRegion, 1, []string{n.Name})
	}
	for _, c := range m.Contents {
		row(strings.TrimSpace(c.Kind+" "+c.Role), c.Region, c.N, c.First)
	}
	for _, c := range m.VPCConnections {
		row("VPC connection", c.Region, 1, []string{c.ID})
	}
	s.put("</tbody></table>\n")
}

// saved is what goes only once it is saved, and what is lost.
func (v view) saved(s *sheet) {
	m := v.plan.Material
	how := map[string][]string{}
	for _, c := range m.Contents {
		if as := step.SavedAs(c.Kind); m.NotSaved == "" && !slices.Contains(how[as], c.Kind) {
			how[as] = append(how[as], c.Kind)
		}
	}
	lost := how[""]
	delete(how, "")
	s.put("<h2>What is saved first</h2><ul>\n")
	for _, as := range slices.Sorted(maps.Keys(how)) {
		slices.Sort(how[as])
		s.put("<li>As %s: %s</li>\n", as, strings.Join(how[as], ", "))
	}
	if len(how) == 0 {
		s.put("<li>Nothing</li>\n")
	}
	s.put("</ul>\n")
	if m.NotSaved == "" && len(lost)+len(m.NotReadable)+m.Unsaved.N == 0 {
		return
	}
	s.put("<h2>What is not saved</h2><ul>\n")
	if m.NotSaved != "" {
		s.put("<li>Everything, because: %s</li>\n", m.NotSaved)
	}
	for _, kind := range lost {
		s.put("<li>every %s: QuickSight gives nothing to save; the plan has their names</li>\n", kind)
	}
	items(s, m.NotReadable, func(n closing.NotReadable) string {
		return fmt.Sprintf("every %s in %s: it cannot be read (%s)", n.Kind, n.Region, n.Reason)
	})
	firstOf(s, v.unsaved, m.Unsaved.N, func(u closing.Unsaved) string { return u.ARN })
	s.put("</ul>\n")
}

// network is the directory and the VPC that go, and what speaks for that.
func (v view) network(s *sheet) {
	m := v.plan.Material
	if m.Directory.Fate == closing.FateDelete || m.VPC.Fate == closing.FateDelete {
		s.put("<h2>Directory and network that go with it</h2><ul>\n")
		if d := m.Directory; d.Fate == closing.FateDelete {
			s.put("<li>Directory %s (%s) in %s</li>\n", d.ID, d.Name, d.Region)
		}
		if n := m.VPC; n.Fate == closing.FateDelete {
			s.put("<li>VPC %s (%s) in %s</li>\n", n.ID, n.CIDR, n.Region)
			items(s, n.Resources, closing.Resource.String)
		}
		s.put("</ul>\n")
	}
	if evidence := slices.Concat(v.plan.Observed.Evidence, v.ask.Evidence); len(evidence) > 0 {
		s.put("<h2>Evidence</h2><ul>\n")
		items(s, evidence, func(e closing.Evidence) string {
			side := "for"
			if !e.For {
				side = "against"
			}
			return e.About + ", " + side + ": " + e.Fact
		})
		s.put("</ul>\n")
	}
}

// follows is what AWS shows of the account's use, and what closing brings with it beside what is destroyed.
func (v view) follows(s *sheet) {
	if all := v.plan.Consequences(); len(all) > 0 {
		s.put("<h2>What follows from it</h2><ul>\n")
		for _, c := range all {
			s.put("<li><strong>%s:</strong> %s", c.About, c.What)
			if n := len(c.Do); n > 0 {
				s.put("<details><summary>How to look, and to clean up</summary><pre>%s</pre></details>", strings.Join(c.Do, "\n"))
			}
			s.put("</li>\n")
		}
		s.put("</ul>\n")
	}
}

func (v view) stays(s *sheet) {
	m := v.plan.Material
	s.put("<h2>What stays</h2><ul>\n")
	if d := m.Directory; d.Fate == closing.FateKeep {
		s.put("<li>Directory %s: %s</li>\n", d.ID, d.Why)
	}
	if n := m.VPC; n.Fate == closing.FateKeep {
		s.put("<li>VPC %s: %s</li>\n", n.ID, n.Why)
	}
	items(s, m.VPC.Left, func(r closing.Resource) string { return r.Kind + " " + r.ID + " in the VPC's account" })
	s.put("<li>The AWS account itself, and everything that is not listed above</li></ul>\n")
	if len(v.plan.Observed.Advice) > 0 {
		s.put("<h2>What you should know</h2><ul>\n")
		items(s, v.plan.Observed.Advice, func(a string) string { return a })
		s.put("</ul>\n")
	}
}

func (v view) decided(s *sheet) {
	if len(v.decisions) == 0 && len(v.ask.Approvers) == 0 {
		return
	}
	s.put("<h2>Who decides</h2><ul>\n")
	items(s, v.decisions, func(d closing.Decision) string {
		text := fmt.Sprintf("%s: %s, at %s", d.Person, d.Verdict, d.At.UTC().Format(time.RFC3339))
		if d.Reason != "" {
			text += ", because: " + d.Reason
		}
		return text
	})
	has := func(a closing.Approver) bool {
		return slices.ContainsFunc(v.decisions, func(d closing.Decision) bool { return d.Person == a.Person })
	}
	waiting := slices.DeleteFunc(closing.Electorate(v.ask.Approvers, v.ask.Starter), has)
	items(s, waiting, func(a closing.Approver) string { return a.Person + ": has not decided" })
	s.put("</ul>\n")
}

// forms are what can still be decided.
func (v view) forms(s *sheet) {
	if v.seal != nil {
		return
	}
	form := func(verdict closing.Verdict, label, field, hint string) {
		s.put(`<form id="%s" method="post" autocomplete="off"><input type="hidden" name="round" value="%s"><input type="hidden" name="digest" value="%s">`, string(verdict), strconv.Itoa(v.ask.Round), v.ask.Digest)
		s.put(`<label for="%s-%s">%s</label><input id="%s-%s" name="%s" required maxlength="500" autocapitalize="off" spellcheck="false">`, string(verdict), field, hint, string(verdict), field, field)
		s.put(`<button name="verdict" value="%s">%s</button></form>`+"\n", string(verdict), label)
	}
	switch v.ask.Stands(v.decisions, v.now) {
	case closing.StandingPending:
		what, _ := v.plan.Material.Challenge()
		if v.plan.Material.Fleet != nil {
			what = "the name of the QuickSight account in the largest AWS account that you keep, the first below"
		}
		s.put("<h2>Decide</h2>\n")
		form(closing.Approve, "Approve: destroy all of this", "name", "Type "+what+" to approve. This page does not show it.")
		form(closing.Reject, "Reject: delete nothing", "reason", "Why it is rejected")
		form(closing.Cancel, "Cancel the run", "reason", "Why it is cancelled")
	case closing.StandingApproved:
		s.put("<h2>Changed your mind?</h2>\n")
		form(closing.Cancel, "Cancel the run: delete nothing", "reason", "Why it is cancelled")
	case closing.StandingRejected, closing.StandingExpired:
	}
}
