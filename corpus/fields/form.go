package fields

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/govqa/govqa/corpus"
)

// Values are what the inputs of a form hold, by their names: the key of the
// field, key[0].item for the first object of a group, and key.n, key.unit and
// key.note for a limit.
type Values map[string][]string

// Get returns the first value of a name.
func (v Values) Get(name string) string {
	if list := v[name]; len(list) > 0 {
		return list[0]
	}
	return ""
}

// Count is how many objects of a group there are.
func (v Values) Count(key string) int {
	n := 0
	for name := range v {
		rest, ok := strings.CutPrefix(name, key+"[")
		if !ok {
			continue
		}
		if i, err := strconv.Atoi(rest[:max(0, strings.Index(rest, "]"))]); err == nil && i >= 0 && i < maxRows {
			n = max(n, i+1)
		}
	}
	return n
}

// maxRows is how many objects of a group a form can have: one more than the
// format allows, so that who has too many is told.
const maxRows = 2001

// itemName is the name of an input in a group.
func itemName(group string, i int, key string) string {
	return fmt.Sprintf("%s[%d].%s", group, i, key)
}

// Compact drops the objects of groups that are empty, and numbers the others
// anew, so that faults are shown where they are.
func Compact(t corpus.Type, v Values) Values {
	out := Values{}
	for _, s := range Of(t) {
		for _, f := range s.Fields {
			switch f.Kind {
			case Group:
				compactGroup(f, v, out)
			case Limit:
				for _, part := range limitParts {
					out[f.Key+part] = v[f.Key+part]
				}
			default:
				out[f.Key] = v[f.Key]
			}
		}
	}
	return out
}

var limitParts = [...]string{".n", ".unit", ".note"}

func compactGroup(f Field, v, out Values) {
	to := 0
	for i := range v.Count(f.Key) {
		empty := true
		for _, item := range f.Items {
			empty = empty && strings.TrimSpace(strings.Join(v[itemName(f.Key, i, item.Key)], "")) == ""
		}
		if empty {
			continue
		}
		for _, item := range f.Items {
			out[itemName(f.Key, to, item.Key)] = v[itemName(f.Key, i, item.Key)]
		}
		to++
	}
}

// Fill returns what a form shows of a record.
func Fill(rec corpus.Record) (Values, error) {
	tree, err := Tree(rec)
	if err != nil {
		return nil, err
	}
	v := Values{}
	for _, s := range Of(rec.Key().Type) {
		for _, f := range s.Fields {
			fill(v, f, f.Key, at(tree, f.Key))
		}
	}
	return v, nil
}

func fill(v Values, f Field, name string, value any) {
	switch f.Kind {
	case Group:
		for i, object := range list(value) {
			fields, _ := object.(map[string]any)
			for _, item := range f.Items {
				fill(v, item, itemName(name, i, item.Key), fields[item.Key])
			}
		}
	case Limit:
		object, ok := value.(map[string]any)
		if !ok {
			return
		}
		v[name+".n"], v[name+".unit"], v[name+".note"] = texts(object["n"]), texts(object["unit"]), texts(object["note"])
	case Lines:
		if all := texts(value); len(all) > 0 {
			v[name] = []string{strings.Join(all, "\n")}
		}
	default:
		v[name] = texts(value)
	}
}

// texts is a value of a tree as inputs hold it.
func texts(value any) []string {
	switch x := value.(type) {
	case nil:
		return nil
	case []any:
		var all []string
		for _, e := range x {
			all = append(all, texts(e)...)
		}
		return all
	case bool:
		return []string{strconv.FormatBool(x)}
	}
	return []string{fmt.Sprint(value)}
}

func list(value any) []any {
	l, _ := value.([]any)
	return l
}

// Tree is a record as its line, read: what a form, a difference or a merge
// works on.
func Tree(rec corpus.Record) (map[string]any, error) {
	line, err := corpus.Marshal(rec)
	if err != nil {
		return nil, err
	}
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.UseNumber()
	var tree map[string]any
	if err := dec.Decode(&tree); err != nil {
		return nil, fmt.Errorf("%s: %w", rec.Key(), err)
	}
	return tree, nil
}

// at is the value of a dotted key.
func at(tree map[string]any, key string) any {
	head, rest, nested := strings.Cut(key, ".")
	if !nested {
		return tree[head]
	}
	object, _ := tree[head].(map[string]any)
	return object[rest]
}

// put sets the value of a dotted key; nil removes it, and an object that has
// become empty with it.
func put(tree map[string]any, key string, value any) {
	head, rest, nested := strings.Cut(key, ".")
	if !nested {
		if value == nil {
			delete(tree, head)
			return
		}
		tree[head] = value
		return
	}
	object, ok := tree[head].(map[string]any)
	if !ok {
		object = map[string]any{}
	}
	put(object, rest, value)
	if tree[head] = object; len(object) == 0 {
		delete(tree, head)
	}
}

// Read makes a record of what a form holds. What base has and no form shows
// stays; base is nil for a new record. The values must be compact. What is
// wrong with them is returned as *corpus.FieldErrors, joined; the record is
// nil then.
func Read(t corpus.Type, base corpus.Record, v Values) (corpus.Record, error) {
	tree := map[string]any{}
	if base != nil {
		var err error
		if tree, err = Tree(base); err != nil {
			return nil, err
		}
	}
	tree["type"] = string(t)
	r := reader{v: v}
	for _, s := range Of(t) {
		for _, f := range s.Fields {
			put(tree, f.Key, r.value(f, f.Key))
		}
	}
	if len(r.errs) > 0 {
		return nil, errors.Join(r.errs...)
	}
	line, err := json.Marshal(tree)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", t, err)
	}
	rec, err := corpus.Unmarshal(line)
	if err != nil {
		return nil, err
	}
	if err := rec.Validate(); err != nil {
		return nil, err
	}
	return rec, nil
}

type reader struct {
	v    Values
	errs []error
}

func (r *reader) fail(name, why string) any {
	r.errs = append(r.errs, &corpus.FieldError{Field: name, Why: why})
	return nil
}

// value reads one field, nil if it is empty.
func (r *reader) value(f Field, name string) any {
	text := strings.TrimSpace(strings.ReplaceAll(r.v.Get(name), "\r\n", "\n"))
	switch f.Kind {
	case Group:
		return r.group(f, name)
	case Limit:
		return r.limit(name)
	case Boxes:
		return some(r.v[name])
	case Lines:
		return some(strings.Split(text, "\n"))
	}
	if text == "" {
		return nil
	}
	switch f.Kind {
	case Number:
		n, err := strconv.Atoi(text)
		if err != nil {
			return r.fail(name, fmt.Sprintf("%q 不是整数", text))
		}
		return n
	case Share:
		x, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsNaN(x) || math.IsInf(x, 0) {
			return r.fail(name, fmt.Sprintf("%q 不是数字", text))
		}
		return x
	case Flag, Mark:
		yes, err := strconv.ParseBool(text)
		if err != nil {
			return r.fail(name, fmt.Sprintf("%q 不是“是”或“否”", text))
		}
		if !yes && f.Kind == Mark {
			return nil
		}
		return yes
	case Text, Choice, Day, Link:
		return strings.Join(strings.Fields(strings.ReplaceAll(text, "\n", " ")), " ")
	}
	return text
}

func some(texts []string) any {
	var all []any
	for _, s := range texts {
		if s = strings.TrimSpace(s); s != "" && !slices.Contains(all, any(s)) {
			all = append(all, s)
		}
	}
	if len(all) == 0 {
		return nil
	}
	return all
}

func (r *reader) group(f Field, name string) any {
	var objects []any
	for i := range r.v.Count(name) {
		object := map[string]any{}
		for _, item := range f.Items {
			put(object, item.Key, r.value(item, itemName(name, i, item.Key)))
		}
		objects = append(objects, object)
	}
	if len(objects) == 0 {
		return nil
	}
	return objects
}

// limit reads a time limit. One without a number is none: only 即办 needs none.
func (r *reader) limit(name string) any {
	n, unit, note := strings.TrimSpace(r.v.Get(name+".n")), strings.TrimSpace(r.v.Get(name+".unit")), strings.TrimSpace(r.v.Get(name+".note"))
	switch {
	case n == "" && unit == "" && note == "":
		return nil
	case unit == "":
		return r.fail(name+".unit", "请选择单位")
	case n == "" && unit == "即办":
		n = "0"
	case n == "":
		return r.fail(name+".n", "请填写数字；当场办结的选“即办”")
	}
	number, err := strconv.Atoi(n)
	switch {
	case err != nil:
		return r.fail(name+".n", fmt.Sprintf("%q 不是整数", n))
	case number == 0 && unit != "即办":
		return r.fail(name+".n", "0 表示当场办结，请选“即办”")
	case number != 0 && unit == "即办":
		return r.fail(name+".n", "“即办”不用填数字")
	}
	limit := map[string]any{"n": number, "unit": unit}
	if note != "" {
		limit["note"] = note
	}
	return limit
}

// Faults lists the faults of err by the names of inputs.
func Faults(err error) map[string][]string {
	faults := map[string][]string{}
	collect(err, faults)
	return faults
}

func collect(err error, faults map[string][]string) {
	var joined interface{ Unwrap() []error }
	var fault *corpus.FieldError
	switch {
	case err == nil:
	case errors.As(err, &fault) && errors.Is(fault, err): // err itself, not one inside it
		faults[fault.Field] = append(faults[fault.Field], fault.Why)
	case errors.As(err, &joined):
		for _, e := range joined.Unwrap() {
			collect(e, faults)
		}
	default:
		faults[""] = append(faults[""], err.Error())
	}
}
