package console

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/corpus/fields"
	"github.com/govqa/govqa/corpus/sheet"
)

// covered lists the keys of records that the columns of a table fill, with the
// keys inside an object after a dot.
func covered(sheets []sheet.Mapping) map[string]bool {
	keys := map[string]bool{"type": true}
	for _, m := range sheets {
		if m.Content == "" {
			continue
		}
		for _, c := range m.Columns {
			if c.Field != "" {
				keys[keyOfField(c.Field, m.Content)] = true
			} else {
				keys[c.Header] = true
			}
		}
	}
	return keys
}

// keyOfField is the key of records that the field of a column fills.
func keyOfField(field, content string) string {
	head, rest, _ := strings.Cut(field, ".")
	switch head {
	case "material", "place":
		return head + "s"
	case "step":
		return "steps"
	case "fee":
		if rest == "charged" {
			return field
		}
		return "fee.items" // a table that has one column of the items has the whole list
	case "faq":
		if content == "faq" {
			return rest
		}
		return "faqs"
	case "agency", "effective", "source", "internal":
		return field
	case "region":
		if rest == "" { // a name or a code, as it comes
			return "region"
		}
		return field
	}
	return head
}

// keepAbsent fills what a table has no columns for from the published record,
// so that a table of fees changes fees and nothing else.
func (c *Console) keepAbsent(rows iter.Seq[corpus.Row], keys map[string]bool) iter.Seq[corpus.Row] {
	return func(yield func(corpus.Row) bool) {
		for row := range rows {
			if row.Record != nil {
				if rec, err := c.kept(row.Record, keys); err != nil {
					row.Record, row.Err = nil, err
				} else {
					row.Record = rec
				}
			}
			if !yield(row) {
				return
			}
		}
	}
}

func (c *Console) kept(rec corpus.Record, keys map[string]bool) (corpus.Record, error) {
	live, err := c.Store.Get(rec.Key())
	if errors.Is(err, corpus.ErrNotFound) {
		return rec, nil
	}
	if err != nil {
		return nil, err
	}
	next, err := fields.Tree(rec)
	if err != nil {
		return nil, err
	}
	was, err := fields.Tree(live)
	if err != nil {
		return nil, err
	}
	keepObject(next, was, "", keys)
	line, err := json.Marshal(next)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", rec.Key(), err)
	}
	kept, err := corpus.Unmarshal(line)
	if err != nil {
		return nil, err
	}
	return kept, kept.Validate()
}

// keepObject takes from was what next has no columns for.
func keepObject(next, was map[string]any, prefix string, keys map[string]bool) {
	for key, value := range was {
		if keys[prefix+key] {
			continue
		}
		inner, isObject := value.(map[string]any)
		if !isObject || !anyUnder(keys, prefix+key+".") {
			next[key] = value
			continue
		}
		into, ok := next[key].(map[string]any)
		if !ok {
			into = map[string]any{}
			next[key] = into
		}
		keepObject(into, inner, prefix+key+".", keys)
	}
}

func anyUnder(keys map[string]bool, prefix string) bool {
	for k := range keys {
		if strings.HasPrefix(k, prefix) {
			return true
		}
	}
	return false
}
