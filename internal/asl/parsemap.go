package asl

import (
	"unicode/utf8"
)

// maxLabel is the length of the Label of a distributed Map.
const maxLabel = 40

func (l *stateLoader) mapping() error {
	m := &each{}
	l.state.each = m
	processor, err := l.processor(m)
	if err != nil {
		return err
	}
	for _, part := range []func(*each) error{l.itemsIn, l.amounts, l.label, l.reader, l.batcher, l.writer} {
		if err := part(m); err != nil {
			return err
		}
	}
	before, outer := len(l.machine.states), l.assigned
	if m.distributed {
		outer = nil // child executions do not see the variables around them
	}
	if m.graph, err = l.loader.graph(processor, l.state.jsonata, l.state.name, l.depth+1, outer); err != nil {
		return err
	}
	if m.express {
		return expressOnly(l.machine.states[before:])
	}
	return nil
}

// processor finds what runs for each item, and how.
func (l *stateLoader) processor(m *each) (*object, error) {
	field := "ItemProcessor"
	if l.has("Iterator") {
		if l.has(field) {
			return nil, l.fail("Iterator", "Iterator and ItemProcessor exclude each other")
		}
		field = "Iterator"
	}
	processor, ok := typed[*object](l.source, field)
	if !ok {
		return nil, l.fail(field, "it must be an object with StartAt and States")
	}
	for _, f := range processor.members {
		switch f.key {
		case "StartAt", "States", "Comment":
		case "ProcessorConfig":
			if err := l.processorConfig(processor, m); err != nil {
				return nil, err
			}
		default:
			return nil, l.fail(field, "%s is not a field of it", f.key)
		}
	}
	return processor, nil
}

func (l *stateLoader) processorConfig(processor *object, m *each) error {
	config, err := l.part(processor, "ProcessorConfig")
	if err != nil {
		return err
	}
	for _, f := range config.members {
		switch {
		case f.key == "Mode" && f.value == "INLINE":
		case f.key == "Mode" && f.value == "DISTRIBUTED":
			m.distributed = true
		case f.key == "ExecutionType" && f.value == "STANDARD":
		case f.key == "ExecutionType" && f.value == "EXPRESS":
			m.express = true
		default:
			return l.fail("ProcessorConfig", "%s %s is not known", f.key, text(f.value))
		}
	}
	m.express = m.express && m.distributed
	return nil
}

// part finds an object inside a Map state, of which every field is implemented; nil where it is not given.
func (l *stateLoader) part(o *object, name string) (*object, error) {
	v, given := o.get(name)
	part, ok := v.(*object)
	switch {
	case !given:
		return nil, nil
	case !ok:
		return nil, l.fail(name, "it must be an object")
	}
	for _, m := range part.members {
		f, ok := partOf(m.key, name)
		if !ok {
			return nil, l.fail(name, "%s is not a field of it", m.key)
		}
		f.name = name + "." + f.name
		if err := l.implemented(f); err != nil {
			return nil, err
		}
	}
	return part, nil
}

// itemsIn compiles where items come from that are in the state's input, and what is made of each.
func (l *stateLoader) itemsIn(m *each) error {
	var err error
	if m.items, err = l.template(l.source, "Items", l.before()); err != nil {
		return err
	}
	if l.has("ItemsPath") {
		if m.itemsPath, err = l.path(l.source, "ItemsPath"); err != nil {
			return err
		}
	}
	if l.has("Parameters") && l.has("ItemSelector") {
		return l.fail("Parameters", "Parameters and ItemSelector exclude each other")
	}
	if m.selector, err = l.template(l.source, "ItemSelector", l.before()); err != nil {
		return err
	}
	if l.state.parameters != nil { // the older name
		m.selector, l.state.parameters = l.state.parameters, nil
	}
	return nil
}

func (l *stateLoader) amounts(m *each) error {
	var err error
	for _, q := range []struct {
		field string
		high  float64
		to    **quantity
	}{
		{"MaxConcurrency", maxTimeout, &m.concurrency},
		{"ToleratedFailureCount", maxTimeout, &m.count},
		{"ToleratedFailurePercentage", 100, &m.percentage},
	} {
		if *q.to, err = l.quantity(l.source, q.field, 0, q.high); err != nil {
			return err
		}
	}
	return nil
}

func (l *stateLoader) before() []string { return []string{"input", "context"} }

func (l *stateLoader) label(m *each) error {
	if !l.has("Label") {
		return nil
	}
	var ok bool
	if m.label, ok = typed[string](l.source, "Label"); !ok || m.label == "" || utf8.RuneCountInString(m.label) > maxLabel {
		return l.fail("Label", "it must be a text of 1 to %d characters", maxLabel)
	}
	return nil
}

// distributedPart finds a part that only a distributed Map has.
func (l *stateLoader) distributedPart(m *each, name string) (*object, error) {
	part, err := l.part(l.source, name)
	if part != nil && !m.distributed {
		return nil, l.fail(name, "only a Map in DISTRIBUTED mode has it")
	}
	return part, err
}

// location compiles the Parameters or Arguments of a call to S3.
func (l *stateLoader) location(part *object, name string) (*template, error) {
	field := "Parameters"
	if l.state.jsonata {
		field = "Arguments"
	}
	if _, ok := typed[*object](part, field); !ok && !l.state.jsonata {
		return nil, l.fail(name, "%s must be an object", field)
	}
	t, err := l.template(part, field, l.before())
	if err == nil && t == nil {
		return nil, l.fail(name, "it needs %s", field)
	}
	return t, err
}

// objectAction is the action of S3 that a part names as its Resource; empty where it names something else.
func objectAction(part *object) string {
	resource, _ := typed[string](part, "Resource")
	if t, ok := parseResource(resource); ok && t.service == "s3" {
		return t.action
	}
	return ""
}

// delimiters are the values of CSVDelimiter.
var delimiters = map[string]rune{"COMMA": ',', "PIPE": '|', "SEMICOLON": ';', "SPACE": ' ', "TAB": '\t'}

// maxItems is the largest MaxItems.
const maxItems = 100_000_000

func (l *stateLoader) reader(m *each) error {
	part, err := l.distributedPart(m, "ItemReader")
	if part == nil || err != nil {
		return err
	}
	if m.items != nil || m.itemsPath != nil {
		return l.fail("ItemReader", "ItemReader excludes Items and ItemsPath")
	}
	r := &reader{delimiter: ','}
	switch objectAction(part) {
	case "getObject":
	case "listObjectsV2":
		r.list = true
	default:
		return l.fail("ItemReader", "Resource must be arn:aws:states:::s3:getObject or arn:aws:states:::s3:listObjectsV2")
	}
	if r.location, err = l.location(part, "ItemReader"); err != nil {
		return err
	}
	config, err := l.part(part, "ReaderConfig")
	if err != nil {
		return err
	}
	if config == nil {
		config = newObject(0)
	}
	if r.maximum, err = l.quantity(config, "MaxItems", 0, maxItems); err != nil {
		return err
	}
	m.reader = r
	return l.readerFormat(r, config)
}

// readerFormat compiles what ReaderConfig says of the content of an object.
func (l *stateLoader) readerFormat(r *reader, config *object) error {
	given, has := config.get("InputType")
	switch {
	case r.list && has:
		return l.fail("ReaderConfig", "a listing has no InputType")
	case r.list:
		return nil
	case given != "CSV" && given != "JSON" && given != "JSONL":
		return l.fail("InputType", "it must be CSV, JSON or JSONL; %s is not implemented", text(given))
	}
	r.format = given.(string)
	for _, f := range config.members {
		switch f.key {
		case "CSVHeaderLocation", "CSVHeaders", "CSVDelimiter":
			if r.format != "CSV" {
				return l.fail(f.key, "only CSV has it")
			}
		case "ItemsPointer":
			pointer, isString := f.value.(string)
			var ok bool
			if r.pointer, ok = pointerSteps(pointer); !ok || !isString || r.format != "JSON" {
				return l.fail("ItemsPointer", "it must be a JSON pointer into JSON, such as /accounts")
			}
		}
	}
	if r.format != "CSV" {
		return nil
	}
	return l.csvFormat(r, config)
}

func (l *stateLoader) csvFormat(r *reader, config *object) error {
	headers, has := config.get("CSVHeaders")
	switch location, _ := config.get("CSVHeaderLocation"); location {
	case "FIRST_ROW":
		if has {
			return l.fail("CSVHeaders", "it belongs to CSVHeaderLocation GIVEN")
		}
	case "GIVEN":
		list, ok := headers.([]any)
		if !ok || len(list) == 0 {
			return l.fail("CSVHeaders", "it must be a list of texts")
		}
		for _, h := range list {
			name, ok := h.(string)
			if !ok {
				return l.fail("CSVHeaders", "it must be a list of texts")
			}
			r.headers = append(r.headers, name)
		}
	default:
		return l.fail("CSVHeaderLocation", "it must be FIRST_ROW or GIVEN")
	}
	if v, ok := config.get("CSVDelimiter"); ok {
		name, _ := v.(string)
		if r.delimiter, ok = delimiters[name]; !ok {
			return l.fail("CSVDelimiter", "it must be COMMA, PIPE, SEMICOLON, SPACE or TAB")
		}
	}
	return nil
}

func (l *stateLoader) batcher(m *each) error {
	part, err := l.distributedPart(m, "ItemBatcher")
	if part == nil || err != nil {
		return err
	}
	b := &batcher{}
	if b.items, err = l.quantity(part, "MaxItemsPerBatch", 1, maxItems); err != nil {
		return err
	}
	if b.bytes, err = l.quantity(part, "MaxInputBytesPerBatch", 1, maxData); err != nil {
		return err
	}
	if b.items == nil && b.bytes == nil {
		return l.fail("ItemBatcher", "it needs MaxItemsPerBatch or MaxInputBytesPerBatch")
	}
	b.input, err = l.template(part, "BatchInput", l.before())
	m.batcher = b
	return err
}

func (l *stateLoader) writer(m *each) error {
	part, err := l.distributedPart(m, "ResultWriter")
	if part == nil || err != nil {
		return err
	}
	w := &writer{transformation: transformCompact}
	if _, ok := part.get("Resource"); ok {
		if objectAction(part) != "putObject" {
			return l.fail("ResultWriter", "Resource must be arn:aws:states:::s3:putObject")
		}
		w.transformation = transformNone
		if w.location, err = l.location(part, "ResultWriter"); err != nil {
			return err
		}
	}
	config, err := l.part(part, "WriterConfig")
	switch {
	case err != nil:
		return err
	case config == nil && w.location == nil:
		return l.fail("ResultWriter", "it needs Resource or WriterConfig")
	case config == nil:
		config = newObject(0)
	}
	for _, f := range config.members {
		switch {
		case f.key == "Transformation" && (f.value == transformNone || f.value == transformCompact || f.value == transformFlatten):
			w.transformation = f.value.(string)
		case f.key == "OutputType" && f.value == "JSON":
		case f.key == "OutputType" && f.value == "JSONL" && w.location != nil:
			w.lines = true
		default:
			return l.fail(f.key, "%s is not implemented here", text(f.value))
		}
	}
	m.writer = w
	return nil
}

// expressOnly refuses what an Express execution cannot do: wait for somebody else.
func expressOnly(states []*state) error {
	for _, s := range states {
		if s.is == taskState && (s.task.pattern == callback || s.task.pattern == syncJob || s.task.pattern == activity) {
			return &ParseError{State: s.name, Field: "Resource", Message: "an EXPRESS execution cannot wait for it"}
		}
		if s.is == mapState && s.each.distributed {
			return &ParseError{State: s.name, Field: "ProcessorConfig", Message: "an EXPRESS execution has no Map in DISTRIBUTED mode"}
		}
	}
	return nil
}
