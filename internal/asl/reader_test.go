package asl

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// reads is a machine whose Map reads with the given ItemReader fields, and passes its items on.
func reads(fields string) string {
	return `{"QueryLanguage":"JSONata","StartAt":"M","States":{"M":{"Type":"Map","ItemReader":{` + fields + `},
"ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}},"End":true}}}`
}

func getObject(config string) string {
	return `"Resource":"arn:aws:states:::s3:getObject","Arguments":{"Bucket":"b","Key":"{% $states.input.key %}"},"ReaderConfig":{` + config + `}`
}

func TestItemReader(t *testing.T) {
	t.Parallel()
	const first = `"InputType":"CSV","CSVHeaderLocation":"FIRST_ROW"`
	for _, c := range []struct{ config, content, want string }{
		{first, "a,b\n1,2\n3,4\n", `[{"a":"1","b":"2"},{"a":"3","b":"4"}]`},
		{first, "\ufeffa,b\r\n1,2\r\n", `[{"a":"1","b":"2"}]`},
		{first, "a,b\n1\n1,2,3\n", `[{"a":"1","b":""},{"a":"1","b":"2"}]`},
		{first, "a,b\n\"x, y\",\"say \"\"no\"\"\nthen\"\n", `[{"a":"x, y","b":"say \"no\"\nthen"}]`},
		{first, "", `[]`},
		{first, "a,b\n", `[]`},
		{first, "a,a\n1,2\n", `States.ItemReaderFailed: CSV headers cannot contain duplicates.`},
		{first, "a\n\"x\n", `States.ItemReaderFailed: parse error on line 2, column 4: extraneous or missing " in quoted-field`},
		{first, strings.Repeat("h", maxHeader+1) + "\n", `States.ItemReaderFailed: the CSV headers have 10241 bytes, more than 10240`},
		{first + `,"CSVDelimiter":"SEMICOLON"`, "a;b\n1,5;2\n", `[{"a":"1,5","b":"2"}]`},
		{first + `,"CSVDelimiter":"TAB"`, "a\tb\n1\t2\n", `[{"a":"1","b":"2"}]`},
		{first + `,"CSVDelimiter":"PIPE"`, "a|b\n1|2\n", `[{"a":"1","b":"2"}]`},
		{first + `,"CSVDelimiter":"SPACE"`, "a b\n1 2\n", `[{"a":"1","b":"2"}]`},
		{first + `,"MaxItems":1`, "a\n1\n2\n", `[{"a":"1"}]`},
		{first + `,"MaxItems":"{% $states.input.most %}"`, "a\n1\n2\n3\n", `[{"a":"1"},{"a":"2"}]`},
		{`"InputType":"CSV","CSVHeaderLocation":"GIVEN","CSVHeaders":["x","y"]`, "1,2\n", `[{"x":"1","y":"2"}]`},
		{`"InputType":"JSON"`, ` [1,{"a":2.50}] `, `[1,{"a":2.50}]`},
		{`"InputType":"JSON","MaxItems":1`, `[1,2]`, `[1]`},
		{`"InputType":"JSON"`, `{"a":1}`, `States.ItemReaderFailed: Attempting to map over non-iterable node.`},
		{`"InputType":"JSON"`, `[1,`, `States.ItemReaderFailed: invalid JSON at byte 4: it ends too early`},
		{`"InputType":"JSON","ItemsPointer":"/a/1/b~1c"`, `{"a":[0,{"b/c":[7]}]}`, `[7]`},
		{`"InputType":"JSON","ItemsPointer":"/a/2"`, `{"a":[0,1]}`, `States.ItemReaderFailed: the ItemsPointer leads nowhere at "2"`},
		{`"InputType":"JSONL"`, "{\"a\":1}\r\n\n[2]\n3", `[{"a":1},[2],3]`},
		{`"InputType":"JSONL","MaxItems":2`, "1\n2\n{", `[1,2]`},
		{`"InputType":"JSONL"`, "1\n{\n", `States.ItemReaderFailed: line 2: invalid JSON at byte 3: expected the name of a member`},
	} {
		o := options(nil, []byte(`{"key":"k","most":2}`))
		o.Objects = objects{"b/k": []byte(c.content)}
		e := parse(t, reads(getObject(c.config))).Start(o)
		e.Run(t.Context())
		got := string(e.Output())
		if e.Status() != Succeeded {
			got = e.Error() + ": " + e.Cause()
		}
		if got != c.want {
			t.Errorf("%s of %.60q gives\n%s, want\n%s", c.config, c.content, got, c.want)
		}
	}
}

func TestItemReaderLists(t *testing.T) {
	t.Parallel()
	o := options(nil, nil)
	o.Objects = objects{"b/in/2": []byte("xy"), "b/in/1": []byte("x"), "b/out/1": nil, "c/in/1": nil}
	e := parse(t, reads(`"Resource":"arn:aws:states:::s3:listObjectsV2","Arguments":{"Bucket":"b","Prefix":"in/"}`)).Start(o)
	e.Run(t.Context())
	const entry = `"LastModified":1772362800,`
	want := `[{"Etag":"\"x\"","Key":"in/1",` + entry + `"Size":1,"StorageClass":"STANDARD"},{"Etag":"\"x\"","Key":"in/2",` + entry + `"Size":2,"StorageClass":"STANDARD"}]`
	if got := string(e.Output()); got != want {
		t.Errorf("%s %s, want %s", got, e.Cause(), want)
	}
}

// What S3 refuses is the cause of the error, which can be retried and caught, and a redrive reads again.
func TestItemReaderFails(t *testing.T) {
	t.Parallel()
	store := objects{}
	o := options(nil, []byte(`{"key":"k"}`))
	o.Objects = store
	e := parse(t, reads(getObject(`"InputType":"JSON"`))).Start(o)
	e.Run(t.Context())
	if e.Error() != "States.ItemReaderFailed" || e.Cause() != errNoSuchKey.Error() {
		t.Errorf("%s %s", e.Error(), e.Cause())
	}
	store["b/k"] = []byte(`[1]`)
	if err := e.Redrive(testStart); err != nil {
		t.Fatal(err)
	}
	e.Run(t.Context())
	if got := string(e.Output()); got != `[1]` || len(e.MapRuns()) != 2 {
		t.Errorf("%s %s after %d runs", e.Status(), got, len(e.MapRuns()))
	}
}

// ItemSelector sees the item, its number and where it is from.
func TestItemSelectorOfAReader(t *testing.T) {
	t.Parallel()
	o := options(nil, []byte(`{"key":"k","x":1}`))
	o.Objects = objects{"b/k": []byte(`["v","w"]`)}
	e := parse(t, strings.Replace(reads(getObject(`"InputType":"JSON"`)), `"ItemProcessor"`,
		`"ItemSelector":{"item":"{% $states.context.Map.Item %}","x":"{% $states.input.x %}"},"ItemProcessor"`, 1)).Start(o)
	e.Run(t.Context())
	want := `[{"item":{"Index":0,"Value":"v","Source":"S3://b/k"},"x":1},{"item":{"Index":1,"Value":"w","Source":"S3://b/k"},"x":1}]`
	if got := string(e.Output()); got != want {
		t.Errorf("%s %s, want %s", got, e.Cause(), want)
	}
}

// FuzzCSV: what encoding/csv writes comes back, however the rows are made.
func FuzzCSV(f *testing.F) {
	for _, s := range []string{"a,b\n1,2", "a\n\"x\ny\"", "é,\"\",c\n,,", "a;b|c\td", "\"a\nb"} {
		f.Add(s, 1)
	}
	f.Fuzz(func(t *testing.T, content string, maximum int) {
		r := &reader{format: "CSV", delimiter: ',', headers: []string{"x", "y", "z"}}
		maximum = max(0, min(maximum, 1000))
		items, err := r.parse([]byte(content), maximum)
		in := csv.NewReader(strings.NewReader(strings.TrimPrefix(content, "\ufeff")))
		in.FieldsPerRecord = -1
		rows, theirs := in.ReadAll()
		if err != nil || theirs != nil {
			if theirs == nil {
				t.Fatalf("ours %v, theirs reads it", err)
			}
			return
		}
		if maximum > 0 && len(rows) > maximum {
			rows = rows[:maximum]
		}
		if len(items) != len(rows) {
			t.Fatalf("%d items of %d rows", len(items), len(rows))
		}
		for i, row := range rows {
			for k, h := range r.headers {
				want := ""
				if k < len(row) {
					want = row[k]
				}
				if got := str(items[i].(*object), h); got != want {
					t.Errorf("row %d, %s: %q, want %q", i, h, got, want)
				}
			}
		}
	})
}

// FuzzJSONL: each line is what encoding/json makes of it.
func FuzzJSONL(f *testing.F) {
	for _, s := range []string{"1\n{\"a\":[2]}\n", "\n\n\"x\"\r\n", "{\n}", "nul", ""} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		items, err := lines(content, 0)
		var want []json.RawMessage
		valid := true
		for _, line := range bytes.Split(content, []byte("\n")) {
			if line = bytes.Trim(line, " \t\r\n"); len(line) > 0 {
				want = append(want, line)
				valid = valid && json.Valid(line)
			}
		}
		if (err == nil) != valid {
			t.Fatalf("%v, encoding/json says valid = %v", err, valid)
		}
		if err != nil {
			return
		}
		if len(items) != len(want) {
			t.Fatalf("%d items of %d lines", len(items), len(want))
		}
		for i := range want {
			var a, b any
			if json.Unmarshal(want[i], &a) != nil {
				continue // a number that is too large for them
			}
			if err := json.Unmarshal(encode(items[i]), &b); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(a, b); diff != "" {
				t.Errorf("line %d (-theirs +ours)\n%s", i, diff)
			}
		}
	})
}
