package replay

import (
	"encoding/csv"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strconv"
	"strings"
)

// Row is an attempt, or a pair of them, with its fate: a line of the table.
type Row struct {
	Attempts []Attempt
	Fate
}

// Rows are the attempts with their fates.
func (s *Sweep) Rows(fates []Fate) []Row {
	rows := make([]Row, len(fates))
	for i, fate := range fates {
		rows[i] = Row{s.Attempts[i : i+1], fate}
	}
	return rows
}

// WriteCSV writes a table of rows: what went wrong where, what came of it, and what came of it after the repair.
func WriteCSV(w io.Writer, rows []Row) error {
	out := csv.NewWriter(w)
	_ = out.Write([]string{"call", "invocation", "operation", "fault", "outcome", "repair", "after repair", "absorbed", "played", "broken"}) // Flush tells
	for _, row := range rows {
		var calls, invocations, operations, kinds []string
		for _, a := range row.Attempts {
			calls, kinds = append(calls, strconv.Itoa(a.Call)), append(kinds, string(a.Kind))
			invocations, operations = append(invocations, a.Invocation), append(operations, a.Operation)
		}
		and := func(parts []string) string { return strings.Join(parts, " and ") }
		_ = out.Write([]string{
			and(calls), and(invocations), and(operations), and(kinds), string(row.Outcome), row.Repair, string(row.Final),
			strconv.FormatBool(row.Absorbed), strconv.FormatBool(row.Played), strings.Join(row.Broken, "; "),
		})
	}
	out.Flush()
	if err := out.Error(); err != nil {
		return fmt.Errorf("write the table: %w", err)
	}
	return nil
}

// WriteHTML writes the same as one page: a line for each call, a column for each kind.
func (s *Sweep) WriteHTML(w io.Writer, rows []Row) error {
	type line struct {
		Call                  int
		Invocation, Operation string
		Cells                 []*Row // by Kinds; nil: it cannot happen there
	}
	var lines []*line
	byPlace := map[string]*line{}
	var more []Row
	for i, row := range rows {
		if len(row.Attempts) > 1 || !slices.Contains(Kinds(), row.Attempts[0].Kind) {
			more = append(more, row)
			continue
		}
		a := row.Attempts[0]
		place := fmt.Sprint(a.Call, a.Invocation)
		if byPlace[place] == nil {
			byPlace[place] = &line{Call: a.Call, Invocation: a.Invocation, Operation: a.Operation, Cells: make([]*Row, len(Kinds()))}
			lines = append(lines, byPlace[place])
		}
		for column, kind := range Kinds() {
			if kind == a.Kind {
				byPlace[place].Cells[column] = &rows[i]
			}
		}
	}
	err := sweepPage.Execute(w, map[string]any{"Story": s.Story, "Kinds": Kinds(), "Lines": lines, "More": more, "Count": len(rows)})
	if err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	return nil
}

var sweepPage = template.Must(template.New("sweep").Parse(`<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Sweep of {{.Story.Name}}</title>
<style>
body{font:14px/1.4 system-ui,sans-serif;margin:2rem}
table{border-collapse:collapse;font-size:12px}th,td{border:1px solid #ccc;padding:2px 6px;text-align:left;white-space:nowrap}
th{position:sticky;top:0;background:#eee}.absorbed{color:#777}.broken{background:#fbb}.repaired{background:#ffd}
</style></head><body>
<h1>{{.Story.Name}}: everything that can go wrong</h1>
<p>{{.Story.Title}}. {{.Count}} runs. A cell is what the run came to, and after the arrow what a redrive or a fresh run made of it.
Grey: the function noticed nothing.</p>
{{define "cell"}}{{with .}}<td class="{{if .Broken}}broken{{else if .Absorbed}}absorbed{{else if .Repair}}repaired{{end}}" title="{{range .Broken}}{{.}}
{{end}}">{{.Outcome}}{{if .Repair}} → {{.Repair}}: {{.Final}}{{end}}</td>{{else}}<td></td>{{end}}{{end}}
<table><tr><th>call<th>invocation<th>operation{{range .Kinds}}<th>{{.}}{{end}}</tr>
{{range .Lines}}<tr><td>{{if .Call}}{{.Call}}{{end}}<td>{{.Invocation}}<td>{{.Operation}}{{range .Cells}}{{template "cell" .}}{{end}}</tr>
{{end}}</table>
{{if .More}}<h2>Pairs, and orders of what overlaps</h2><table><tr><th>what<th>outcome</tr>
{{range .More}}<tr><td>{{range $i, $a := .Attempts}}{{if $i}}, and {{end}}{{$a}}{{end}}{{template "cell" .}}</tr>
{{end}}</table>{{end}}</body></html>
`))
