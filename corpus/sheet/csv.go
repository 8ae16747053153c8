package sheet

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/govqa/govqa/corpus"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/simplifiedchinese"
	textunicode "golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

const (
	sampleSize = 64 << 10 // what encoding, delimiter and header are told from
	maxCell    = 256 << 10
	maxBroken  = 100 // rows with an open quote, after which reading gives up
	maxColumns = 1024
)

// ReadCSV reads a table in CSV. The encoding (UTF-8, UTF-16 with a byte order
// mark, GB18030) and the delimiter (comma, tab, semicolon) are told from the
// first 64 KiB; a wrong file or one without a header that it knows is an
// error at once. Row numbers are those that a spreadsheet shows, where a row
// may hold line breaks. If r is an [io.Seeker], equal rows that differ only in
// their themes are united wherever they stand, otherwise only neighbours.
func ReadCSV(r io.Reader, opts Options) (iter.Seq[corpus.Row], error) {
	if err := opts.check(); err != nil {
		return nil, err
	}
	src := &csvSource{in: r}
	if s, ok := r.(io.Seeker); ok {
		if at, err := s.Seek(0, io.SeekCurrent); err == nil {
			src.seeker, src.from = s, at
		}
	}
	t, err := src.table(&opts)
	if err != nil {
		return nil, err
	}
	content := "guide"
	if t.head.faqs() {
		content = "faq"
	}
	opts.tell(t.head.mapping("", content))
	rd := &reader{opts: &opts, tables: []*table{t}}
	rd.findTwins()
	return rd.rows(), nil
}

func (o *Options) tell(m Mapping) {
	if o.OnMapping != nil {
		o.OnMapping(m)
	}
}

// A csvSource is a CSV file whose encoding and delimiter become known.
type csvSource struct {
	in     io.Reader
	seeker io.Seeker // nil if the file can be read only once
	from   int64
	text   *bufio.Reader // the decoded text, at its beginning until lines is called
	comma  byte
	utf8   bool
	opts   *Options
}

func (c *csvSource) table(o *Options) (*table, error) {
	c.opts = o
	if err := c.decode(); err != nil {
		return nil, err
	}
	sample, err := c.text.Peek(sampleSize)
	if err != nil && err != io.EOF && !errors.Is(err, bufio.ErrBufferFull) {
		return nil, err
	}
	t := &table{again: c.seeker != nil, lines: c.lines}
	found := false
	var near header
	for _, comma := range []byte{',', '\t', ';'} {
		first := firstLines(newCSVScanner(bufio.NewReader(bytes.NewReader(sample)), comma).lines())
		h, ok := o.findHeader(first, secNone)
		if ok && (!found || h.score() > t.head.score()) {
			t.head, c.comma, found = h, comma, true
		}
		if len(h.heads()) > len(near.heads()) {
			near = h
		}
	}
	if !found {
		m := near.mapping("", "")
		m.Note = "没有认出表头" // the editor can still say which column is which
		o.tell(m)
		return nil, headerError(near)
	}
	return t, nil
}

func headerError(near header) error {
	heads := near.heads()
	if len(heads) == 0 {
		return fmt.Errorf("%w：表是空的", ErrHeader)
	}
	if len(heads) > 40 {
		heads = append(heads[:40:40], "…")
	}
	var lacks []string
	if !near.has(codeFields...) {
		lacks = append(lacks, "编码列（如 实施编码、事项编码）")
	}
	if !near.has("name") {
		lacks = append(lacks, "名称列（如 事项名称）")
	}
	for i, h := range heads {
		heads[i] = short(h)
	}
	return fmt.Errorf("%w：缺少%s；找到的列：%s", ErrHeader, strings.Join(lacks, "和"), strings.Join(heads, "、"))
}

// firstLines gathers the rows among which the header must be.
func firstLines(lines iter.Seq[line]) []line {
	var first []line
	for l := range lines {
		if l.fatal != nil || len(first) >= headerRows {
			break
		}
		if l.err == nil && !l.blank() {
			first = append(first, l)
		}
	}
	return first
}

// decode finds the encoding and puts the decoded text into c.text.
func (c *csvSource) decode() error {
	raw := bufio.NewReaderSize(c.in, sampleSize)
	sample, err := raw.Peek(sampleSize)
	if err != nil && err != io.EOF {
		return err
	}
	if err := wrongFile(sample); err != nil {
		return err
	}
	var from io.Reader = raw
	switch enc := guess(sample); enc {
	case encoding.Nop:
		c.utf8 = true
		if bytes.HasPrefix(sample, []byte("\xef\xbb\xbf")) {
			if _, err := raw.Discard(3); err != nil {
				return err
			}
		}
	default:
		from = transform.NewReader(raw, enc.NewDecoder())
	}
	c.text = bufio.NewReaderSize(from, sampleSize)
	return nil
}

// wrongFile says what a file is that is no text.
func wrongFile(head []byte) error {
	lower := bytes.ToLower(bytes.TrimLeft(head[:min(len(head), 1024)], "\xef\xbb\xbf \t\r\n"))
	utf16 := bytes.HasPrefix(head, []byte("\xff\xfe")) || bytes.HasPrefix(head, []byte("\xfe\xff"))
	switch {
	case len(bytes.TrimSpace(head)) == 0:
		return fmt.Errorf("%w：文件是空的", ErrFormat)
	case bytes.HasPrefix(head, zipMagic):
		return fmt.Errorf("%w：这是压缩包或 xlsx 工作簿，不是 CSV", ErrFormat)
	case bytes.HasPrefix(head, oleMagic):
		return fmt.Errorf("%w：这是旧版 xls 文件，请另存为 xlsx", ErrFormat)
	case htmlFile(lower):
		return fmt.Errorf("%w：这是网页（HTML），不是表格；有的系统把网页存成 .xls 或 .csv，请用表格软件打开后另存为 xlsx", ErrFormat)
	case bytes.HasPrefix(lower, []byte("[{")):
		return fmt.Errorf("%w：这是 JSON 数组，应为每行一个对象的 JSON Lines", ErrFormat)
	case bytes.HasPrefix(lower, []byte("<?xml")):
		return fmt.Errorf("%w：这是 XML 文件，请用表格软件打开后另存为 xlsx", ErrFormat)
	case bytes.IndexByte(head, 0) >= 0 && !utf16:
		return fmt.Errorf("%w：不是文本文件，或是没有字节序标记的 UTF-16", ErrFormat)
	}
	return nil
}

func htmlFile(lower []byte) bool {
	return slices.ContainsFunc([]string{"<!doctype html", "<html", "<table", "<head", "<body", "<meta"}, func(p string) bool {
		return bytes.HasPrefix(lower, []byte(p))
	})
}

// guess tells the encoding from a sample. A file that is UTF-8 but for a few
// bytes is damaged UTF-8 and not GB18030: the rows with those bytes will be
// rejected.
func guess(sample []byte) encoding.Encoding {
	switch {
	case bytes.HasPrefix(sample, []byte("\xff\xfe")):
		return textunicode.UTF16(textunicode.LittleEndian, textunicode.ExpectBOM)
	case bytes.HasPrefix(sample, []byte("\xfe\xff")):
		return textunicode.UTF16(textunicode.BigEndian, textunicode.ExpectBOM)
	case bytes.HasPrefix(sample, []byte("\xef\xbb\xbf")):
		return encoding.Nop
	}
	good, bad := 0, 0
	for i := 0; i < len(sample); {
		r, size := utf8.DecodeRune(sample[i:])
		switch {
		case r == utf8.RuneError && size == 1 && len(sample)-i >= utf8.UTFMax:
			bad++
		case size > 1:
			good++
		}
		i += size
	}
	if bad*20 > good {
		return simplifiedchinese.GB18030
	}
	return encoding.Nop
}

// lines yields every row of the file; called again, it starts over.
func (c *csvSource) lines() iter.Seq[line] {
	return func(yield func(line) bool) {
		if c.text == nil { // read before
			if c.seeker == nil {
				yield(line{fatal: errors.New("这个文件只能读一遍")})
				return
			}
			if err := c.rewind(); err != nil {
				yield(line{fatal: err})
				return
			}
		}
		text := c.text
		c.text = nil
		for l := range newCSVScanner(text, c.comma).lines() {
			if l.err == nil && l.fatal == nil {
				l.err = c.undecoded(l)
			}
			if !yield(l) {
				return
			}
		}
	}
}

func (c *csvSource) rewind() error {
	if _, err := c.seeker.Seek(c.from, io.SeekStart); err != nil {
		return err
	}
	return c.decode()
}

var errUndecoded = errors.New("有不能解码的字节（乱码）")

// undecoded reports a cell that the encoding could not explain.
func (c *csvSource) undecoded(l line) error {
	for i, cell := range l.cells {
		if c.utf8 && !utf8.ValidString(cell) || !c.utf8 && strings.ContainsRune(cell, utf8.RuneError) {
			return fmt.Errorf("第 %d 列%w", i+1, errUndecoded)
		}
	}
	return nil
}

// A csvScanner splits text into rows by RFC 4180, but takes what spreadsheets
// also take: a quote inside a cell that does not begin with one. Unlike
// encoding/csv it counts empty rows, as a spreadsheet does, and a quote that
// never closes costs one row and not the rest of the file.
type csvScanner struct {
	in      *bufio.Reader
	comma   byte
	pending [][]byte // lines read while a quote was open that did not close
	err     error    // of the reader, after the last line
	broken  int
}

func newCSVScanner(in *bufio.Reader, comma byte) *csvScanner {
	return &csvScanner{in: in, comma: comma}
}

var (
	errQuote = errors.New("引号没有闭合")
	errLong  = fmt.Errorf("内容超过 %d KiB", maxCell>>10)
)

func (s *csvScanner) lines() iter.Seq[line] {
	return func(yield func(line) bool) {
		for n := 1; ; n++ {
			raw, ok := s.next()
			if !ok {
				if !errors.Is(s.err, io.EOF) {
					yield(line{fatal: s.err})
				}
				return
			}
			if n == 1 && isSep(raw) {
				n--
				continue
			}
			l := s.record(raw)
			l.n = n
			if s.broken > maxBroken {
				yield(line{fatal: fmt.Errorf("%w：引号没有闭合的行超过 %d 行", ErrFormat, maxBroken)})
				return
			}
			if !yield(l) {
				return
			}
		}
	}
}

// isSep reports whether the first line only tells a spreadsheet the delimiter.
func isSep(raw []byte) bool {
	s := strings.TrimSpace(string(raw[:min(len(raw), 16)]))
	return len(raw) < 16 && len(s) == 5 && strings.HasPrefix(strings.ToLower(s), "sep=")
}

// next reads one physical line without its line break; a carriage return
// alone breaks a line too.
func (s *csvScanner) next() ([]byte, bool) {
	if len(s.pending) > 0 {
		l := s.pending[0]
		s.pending = s.pending[1:]
		return l, true
	}
	if s.err != nil {
		return nil, false
	}
	var raw []byte
	for {
		b, err := s.in.ReadByte()
		switch {
		case err != nil:
			s.err = err
			return raw, len(raw) > 0
		case b == '\n':
			return raw, true
		case b == '\r':
			if p, err := s.in.Peek(1); err == nil && p[0] == '\n' {
				s.in.Discard(1) //nolint:errcheck // one byte is buffered
			}
			return raw, true
		case len(raw) <= corpus.MaxLine:
			raw = append(raw, b)
		}
	}
}

// record parses a row that starts with raw, reading on while a quote is open.
func (s *csvScanner) record(raw []byte) line {
	if len(raw) > corpus.MaxLine {
		return line{err: fmt.Errorf("该行超过 %d MiB", corpus.MaxLine>>20)}
	}
	p := csvParser{comma: s.comma}
	p.feed(raw)
	var more [][]byte
	size := 0
	for p.open {
		next, ok := s.next()
		if ok {
			more = append(more, next)
			size += len(next) + 1
			p.cell = append(p.cell, '\n')
			p.feed(next)
		}
		if !ok || size > maxCell || p.loose {
			s.pending = append(more, s.pending...)
			s.broken++
			return line{err: errQuote}
		}
	}
	return line{cells: p.cells, err: p.err}
}

// A csvParser takes a row line by line.
type csvParser struct {
	comma byte
	cells []string
	cell  []byte
	open  bool // inside quotes
	loose bool // a quote that was open on an earlier line closed inside a word
	err   error
}

func (p *csvParser) feed(b []byte) {
	start := !p.open // at the start of a cell
	carried := p.open
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case p.open && c == '"' && i+1 < len(b) && b[i+1] == '"':
			p.cell = append(p.cell, '"')
			i++
		case p.open && c == '"':
			p.open = false
			p.loose = p.loose || carried && i+1 < len(b) && b[i+1] != p.comma
			carried = false
		case !p.open && c == p.comma:
			p.end()
			start = true
			continue
		case start && c == '"':
			p.open = true
		default:
			p.cell = append(p.cell, c)
		}
		start = false
	}
	if !p.open {
		p.end()
	}
}

func (p *csvParser) end() {
	switch {
	case len(p.cells) >= maxColumns:
		p.err = fmt.Errorf("超过 %d 列", maxColumns)
	case len(p.cell) > maxCell:
		p.err = fmt.Errorf("第 %d 列%w", len(p.cells)+1, errLong)
	default:
		p.cells = append(p.cells, string(p.cell))
	}
	p.cell = p.cell[:0]
}

// Signatures of zip files and of the container of old office files.
var (
	zipMagic = []byte("PK\x03\x04")
	oleMagic = binary.BigEndian.AppendUint64(nil, 0xD0CF11E0A1B11AE1)
)
