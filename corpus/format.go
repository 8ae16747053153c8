package corpus

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"
)

// Extra holds the keys of a line that the format does not know, so that an
// export gives back what an import brought.
type Extra map[string]json.RawMessage

// MaxLine is the length in bytes of the longest line that is read.
const MaxLine = 8 << 20

// ErrFormat means that a line is not a record of the import format.
var ErrFormat = errors.New("不是导入格式")

// known caches the JSON keys of each record type, in lower case because
// encoding/json matches keys without regard to case.
var known sync.Map // reflect.Type -> map[string]bool

func knownKeys(t reflect.Type) map[string]bool {
	if m, ok := known.Load(t); ok {
		return m.(map[string]bool)
	}
	m := map[string]bool{"type": true}
	for _, f := range reflect.VisibleFields(t) {
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" && name != "-" {
			m[strings.ToLower(name)] = true
		}
	}
	known.Store(t, m)
	return m
}

// Unmarshal reads one line of the import format. A line that is not valid
// JSON, has an unknown type, or a value of the wrong type is an [ErrFormat];
// whether the record makes sense is for its Validate to say.
func Unmarshal(line []byte) (Record, error) {
	if !utf8.Valid(line) {
		return nil, fmt.Errorf("%w：不是有效的 UTF-8 文本", ErrFormat)
	}
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(line, &keys); err != nil {
		return nil, fmt.Errorf("%w：%s", ErrFormat, jsonReason(err))
	}
	typ := TypeGuide
	if raw, ok := keys["type"]; ok {
		if err := json.Unmarshal(raw, &typ); err != nil {
			return nil, fmt.Errorf("%w：字段 type 应为文本", ErrFormat)
		}
	}
	var rec Record
	var extra *Extra
	switch typ {
	case TypeGuide:
		g := new(Guide)
		rec, extra = g, &g.Extra
	case TypeFAQ:
		f := new(FAQ)
		rec, extra = f, &f.Extra
	case TypePolicy:
		p := new(Policy)
		rec, extra = p, &p.Extra
	case TypeBundle:
		b := new(Bundle)
		rec, extra = b, &b.Extra
	case TypeRegion:
		r := new(RegionEntry)
		rec, extra = r, &r.Extra
	case TypeWord:
		w := new(Word)
		rec, extra = w, &w.Extra
	case TypeHot:
		h := new(HotEntry)
		rec, extra = h, &h.Extra
	case TypeReply:
		r := new(ReplyEntry)
		rec, extra = r, &r.Extra
	case TypeAgency:
		a := new(AgencyEntry)
		rec, extra = a, &a.Extra
	default:
		return nil, fmt.Errorf("%w：字段 type 的值 %q 不认识", ErrFormat, typ)
	}
	if err := json.Unmarshal(line, rec); err != nil {
		return nil, fmt.Errorf("%w：%s", ErrFormat, jsonReason(err))
	}
	names := knownKeys(reflect.TypeOf(rec).Elem())
	for k, raw := range keys {
		if !names[strings.ToLower(k)] {
			if *extra == nil {
				*extra = Extra{}
			}
			(*extra)[k] = raw
		}
	}
	return rec, nil
}

// jsonReason says in Chinese what encoding/json found wrong.
func jsonReason(err error) string {
	var syntax *json.SyntaxError
	var typ *json.UnmarshalTypeError
	switch {
	case errors.As(err, &typ) && typ.Field != "":
		return fmt.Sprintf("字段 %s 的类型不对（得到 %s，应为 %s）", typ.Field, typ.Value, typ.Type)
	case errors.As(err, &typ):
		return "每行应是一个 JSON 对象"
	case errors.As(err, &syntax):
		return fmt.Sprintf("JSON 语法错误，第 %d 字节附近", syntax.Offset)
	}
	return err.Error()
}

// Marshal writes rec as one line of the import format, without a newline.
// Equal records give equal bytes: fields in the order of the format, unknown
// keys after them in alphabetical order.
func Marshal(rec Record) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(rec); err != nil {
		return nil, fmt.Errorf("%s: %w", rec.Key(), err)
	}
	line := bytes.TrimRight(buf.Bytes(), "\n")
	extra := extraOf(rec)
	if len(extra) == 0 {
		return line, nil
	}
	line = line[:len(line)-1] // the closing brace
	for _, k := range slices.Sorted(maps.Keys(extra)) {
		name, err := json.Marshal(k)
		if err != nil {
			return nil, fmt.Errorf("%s: key %q: %w", rec.Key(), k, err)
		}
		var value bytes.Buffer
		if err := json.Compact(&value, extra[k]); err != nil {
			return nil, fmt.Errorf("%s: key %q: %w", rec.Key(), k, err)
		}
		line = append(append(append(append(line, ','), name...), ':'), value.Bytes()...)
	}
	return append(line, '}'), nil
}

func extraOf(rec Record) Extra {
	switch r := rec.(type) {
	case *Guide:
		return r.Extra
	case *FAQ:
		return r.Extra
	case *Policy:
		return r.Extra
	case *Bundle:
		return r.Extra
	case *RegionEntry:
		return r.Extra
	case *Word:
		return r.Extra
	case *HotEntry:
		return r.Extra
	case *ReplyEntry:
		return r.Extra
	case *AgencyEntry:
		return r.Extra
	}
	return nil
}

func (e Extra) keys() []string { return slices.Sorted(maps.Keys(e)) }

// UnknownKeys implements [Record].
func (g *Guide) UnknownKeys() []string { return g.Extra.keys() }

// UnknownKeys implements [Record].
func (q *FAQ) UnknownKeys() []string { return q.Extra.keys() }

// UnknownKeys implements [Record].
func (p *Policy) UnknownKeys() []string { return p.Extra.keys() }

// UnknownKeys implements [Record].
func (b *Bundle) UnknownKeys() []string { return b.Extra.keys() }

// UnknownKeys implements [Record].
func (r *RegionEntry) UnknownKeys() []string { return r.Extra.keys() }

// UnknownKeys implements [Record].
func (w *Word) UnknownKeys() []string { return w.Extra.keys() }

// A Hash identifies the content of a record: SHA-256 of its [Marshal] form.
type Hash [sha256.Size]byte

// HashOf returns the hash of a record's marshalled line.
func HashOf(line []byte) Hash { return sha256.Sum256(line) }

// A Row is one record of a file, or what was wrong with it.
type Row struct {
	N      int    // line or row number in the file, from 1
	Record Record // nil if Err is not nil
	Err    error  // why the row is no record: a [*FieldError], several joined, or an [ErrFormat]
}

// ReadJSONL yields the rows of a JSON Lines file. Empty lines are passed over
// and a byte order mark is dropped. A row that cannot be read is yielded with
// its error and reading goes on; only an error of the reader itself ends the
// sequence, as a row with that error and N 0.
func ReadJSONL(r io.Reader) iter.Seq[Row] {
	return func(yield func(Row) bool) {
		br := bufio.NewReaderSize(r, 1<<20)
		for n := 1; ; n++ {
			line, err := readLine(br)
			if n == 1 {
				line = bytes.TrimPrefix(line, []byte("\xef\xbb\xbf"))
			}
			if trimmed := bytes.TrimSpace(line); len(trimmed) > 0 || errors.Is(err, errLongLine) {
				row := Row{N: n}
				if errors.Is(err, errLongLine) {
					row.Err = fmt.Errorf("%w：该行超过 %d MiB", ErrFormat, MaxLine>>20)
					err = nil
				} else if row.Record, row.Err = Unmarshal(trimmed); row.Err == nil {
					if row.Err = row.Record.Validate(); row.Err != nil {
						row.Record = nil
					}
				}
				if !yield(row) {
					return
				}
			}
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				yield(Row{Err: err})
				return
			}
		}
	}
}

var errLongLine = errors.New("line too long")

// readLine reads up to a newline; a line longer than MaxLine is read to its
// end, dropped, and reported as errLongLine.
func readLine(br *bufio.Reader) ([]byte, error) {
	var line []byte
	long := false
	for {
		part, err := br.ReadSlice('\n')
		if !long {
			if len(line)+len(part) > MaxLine {
				long, line = true, nil
			} else {
				line = append(line, part...)
			}
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if long && (err == nil || errors.Is(err, io.EOF)) {
			return nil, errLongLine
		}
		return line, err
	}
}
