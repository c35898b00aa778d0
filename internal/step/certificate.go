package step

import (
	"fmt"
	"html"
	"slices"
	"strconv"
	"strings"
	"time"

	"quicksight-unsubscribe/internal/closing"
)

// certificate is a report as one page of HTML that needs nothing else: no script, no style sheet, no picture. html/template would
// keep the linker from dropping what no function calls, so that the few elements are written here, and every text is escaped.
func certificate(r closing.Report) []byte {
	p := &page{}
	p.raw(`<!DOCTYPE html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">`)
	p.raw(`<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'"><title>`)
	p.text("QuickSight closing of " + r.AccountID)
	p.raw(`</title><style>body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}` +
		`table{border-collapse:collapse;width:100%}td,th{text-align:left;vertical-align:top;padding:.2rem .6rem;border-bottom:1px solid #ccc;overflow-wrap:anywhere;white-space:pre-line}th,td:first-child{overflow-wrap:normal}` +
		`pre{white-space:pre-wrap;background:#f4f4f4;padding:.6rem}@media print{body{margin:0}}</style><main><h1>`)
	p.text(r.FirstLine)
	p.raw("</h1>")
	p.table("", nil, [][]string{
		{"Outcome", string(r.Outcome)}, {"Account", r.AccountID}, {"Execution", r.Execution}, {"Started by", r.Starter}, {"Record", r.Closing}, {"Written", stamp(&r.WrittenAt)},
		{"Cost of the run", worth(r.RunCost)}, {"Monthly cost stopped", noLonger(r)},
	})
	if q := r.Request; q != nil {
		p.table("Request", nil, [][]string{{"Reason", q.Reason}, {"QuickSight account", q.QuickSightAccountName}, {"Not saved, because", q.SkipBackupReason}, {"Not before", since(q.NotBefore)}, {"Directory", string(q.Directory)}, {"VPC", string(q.VPC)}, {"Attestation", q.Attestation}, {"Trigger", q.Trigger}})
	}
	if f := r.Failure; f != nil {
		p.table("Why it stopped", nil, [][]string{{f.Error, f.State, f.Message}})
	}
	if r.Next != "" {
		p.heading("To go on")
		p.raw("<pre>")
		p.text(r.Next)
		p.raw("</pre>")
	}
	p.plan(r.Plan)
	p.manifest(r)
	var rows [][]string
	for _, d := range slices.Concat(r.EarlierDecisions, r.Decisions) {
		rows = append(rows, []string{stamp(&d.At), strconv.Itoa(d.Round), string(d.Verdict), d.Person, d.Reason})
	}
	p.table("Decisions", []string{"When", "Round", "What", "Who", "Why"}, rows)
	if c := r.Commit; c != nil {
		p.table("Commit", nil, [][]string{{"When", stamp(&c.At)}, {"Digest of the plan", c.Digest}, {"Digest of the manifest", c.Manifest}})
	}
	rows = nil
	for _, a := range r.Acts {
		rows = append(rows, []string{stamp(&a.Intended), a.Operation, a.Resource, a.Region, a.Result(), a.RequestID})
	}
	p.table("Changes, in their order", []string{"When", "Call", "Of", "Region", "Outcome", "Request id"}, rows)
	rows = nil
	for _, u := range r.NotDone {
		rows = append(rows, []string{u.Kind, u.ID, u.Region, u.Why})
	}
	p.table("Not done", []string{"Kind", "Id", "Region", "How far it came"}, rows)
	p.checks("Verified gone", r.Gone)
	p.checks("Kept or not done, and why", r.Left)
	p.checks("Left behind, and how to clean up", r.LeftBehind)
	p.checks("Unknown", r.Unknown)
	rows = nil
	for _, text := range r.Restored {
		rows = append(rows, []string{text})
	}
	p.table("Restored", nil, rows)
	rows = nil
	for _, c := range r.Consequences {
		rows = append(rows, []string{c.About, c.What, strings.Join(c.Do, "\n")})
	}
	p.table("Consequences, and what to clean up", []string{"About", "What", "How"}, rows)
	p.timeline(r.Timeline)
	p.estimate("Cost of the run", r.RunCost)
	p.estimate("Monthly cost stopped", r.MonthlyStopped)
	p.raw("</main></html>\n")
	return []byte(p.String())
}

// page is HTML under way.
type page struct{ strings.Builder }

func (p *page) raw(markup string)   { p.WriteString(markup) }
func (p *page) text(text string)    { p.WriteString(html.EscapeString(text)) }
func (p *page) heading(text string) { p.element("h2", text) }

func (p *page) element(name, text string) {
	p.raw("<" + name + ">")
	p.text(text)
	p.raw("</" + name + ">")
}

// table writes rows of text; without head, the first of each row is its heading. A row that has nothing behind its heading is left out.
func (p *page) table(title string, head []string, rows [][]string) {
	if len(rows) == 0 {
		return
	}
	if head != nil {
		head, rows = withoutEmpty(head, rows)
	}
	if title != "" {
		p.heading(title)
	}
	p.raw("<table>")
	if head != nil {
		p.raw("<thead><tr>")
		for _, h := range head {
			p.element("th", h)
		}
		p.raw("</tr></thead>")
	}
	for _, row := range rows {
		if head == nil && len(row) == 2 && row[1] == "" {
			continue
		}
		p.raw("<tr>")
		for i, cell := range row {
			if i == 0 && head == nil {
				p.element("th", cell)
			} else {
				p.element("td", cell)
			}
		}
		p.raw("</tr>")
	}
	p.raw("</table>")
}

// withoutEmpty is a table less the columns that no row has anything in.
func withoutEmpty(head []string, rows [][]string) ([]string, [][]string) {
	kept := make([][]string, len(rows)+1)
	for column, title := range head {
		if !slices.ContainsFunc(rows, func(row []string) bool { return row[column] != "" }) {
			continue
		}
		kept[0] = append(kept[0], title)
		for i, row := range rows {
			kept[i+1] = append(kept[i+1], row[column])
		}
	}
	return kept[0], kept[1:]
}

// plan is what was to be destroyed, in numbers; the whole plan is in the record, under its digest.
func (p *page) plan(plan *closing.Plan) {
	if plan == nil {
		return
	}
	rows := [][]string{{"Round", strconv.Itoa(plan.Round)}, {"Digest", plan.Digest}}
	for _, line := range destroyed(plan.Material) {
		rows = append(rows, []string{line})
	}
	if d := plan.Material.Directory; d.Fate == closing.FateKeep {
		rows = append(rows, []string{"Directory " + d.ID + " is kept", d.Why})
	}
	if v := plan.Material.VPC; v.Fate == closing.FateKeep {
		rows = append(rows, []string{"VPC " + v.ID + " is kept", v.Why})
	}
	p.table("Plan", nil, rows)
}

// manifest is what was saved.
func (p *page) manifest(r closing.Report) {
	m := r.Manifest
	if m == nil {
		return
	}
	if m.Skipped != "" {
		p.table("Saved", nil, [][]string{{"Nothing was saved", m.Skipped}})
	}
	var rows [][]string
	for _, s := range r.Objects {
		rows = append(rows, []string{s.Name, strconv.Itoa(s.N), strconv.FormatInt(s.Bytes, 10), s.SHA256})
	}
	if more := m.Objects.N - len(rows); more > 0 {
		rows = append(rows, []string{fmt.Sprintf("and %d more, in lists/%s.jsonl", more, m.Objects.SHA256)})
	}
	p.table("Saved", []string{"Object", "Assets", "Bytes", "SHA-256"}, rows)
	rows = nil
	for _, i := range m.Impossible {
		rows = append(rows, []string{i.What, i.Why})
	}
	p.table("Cannot be saved", []string{"What", "Why"}, rows)
	rows = nil
	for _, f := range r.Unsaved {
		rows = append(rows, []string{f.ARN, f.Code, f.Message})
	}
	if more := m.Failed - len(rows); more > 0 {
		rows = append(rows, []string{fmt.Sprintf("and %d more, in lists/%s.jsonl", more, m.Backups.SHA256)})
	}
	p.table("Could not be saved", []string{"Asset", "Error", "Message"}, rows)
}

func (p *page) checks(title string, checks []closing.Check) {
	var rows [][]string
	for _, c := range checks {
		rows = append(rows, []string{c.Kind, c.ID, c.Region, c.Shown, c.Why, strings.Join(c.Do, "\n")})
	}
	p.table(title, []string{"Kind", "Id", "Region", "Shown by", "Why", "To clean up"}, rows)
}

// timeline is what happened, in its order.
func (p *page) timeline(moments []closing.Moment) {
	var rows [][]string
	for _, m := range moments {
		what := m.What
		if m.Times > 1 {
			what += " × " + strconv.Itoa(m.Times)
		}
		rows = append(rows, []string{stamp(&m.At), since(m.Until), what})
	}
	p.table("Timeline", []string{"From", "Until", "What"}, rows)
}

// estimate shows how an estimate comes about.
func (p *page) estimate(title string, e *closing.Estimate) {
	if e == nil {
		return
	}
	number := func(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }
	var rows [][]string
	for _, i := range e.Items {
		rows = append(rows, []string{i.What, number(i.Quantity), number(i.USD)})
	}
	for _, u := range e.Unknown {
		rows = append(rows, []string{u, "", "not counted"})
	}
	for _, s := range e.Sources {
		rows = append(rows, []string{"Source: " + s, "", ""})
	}
	p.table(title+", estimated at list prices of "+e.AsOf, []string{"What", "How much", "USD"}, rows)
}

// worth is an estimate in words.
func worth(e *closing.Estimate) string {
	if e == nil {
		return "not known"
	}
	return e.String()
}

// noLonger is what of the monthly cost has stopped.
func noLonger(r closing.Report) string {
	if !r.Irreversible {
		return "none by this run"
	}
	return worth(r.MonthlyStopped)
}

// since is a moment that may not be there.
func since(t *time.Time) string {
	if t == nil {
		return ""
	}
	return stamp(t)
}

func stamp(t *time.Time) string { return t.UTC().Format(time.RFC3339) }
