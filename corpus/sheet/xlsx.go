package sheet

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"runtime/debug"
	"strings"

	"github.com/govqa/govqa/corpus"
	"github.com/xuri/excelize/v2"
)

// ReadXLSX reads a workbook: every sheet whose header names guides or FAQs,
// with the sheets of materials, fees, places, questions and legal bases that
// belong to them by code. A value merged over several cells applies to each.
// The caller closes the Closer after the last row; the rows can be drawn once.
// The workbook of size bytes is held in memory as it is, unpacked parts beyond
// a few MiB go to temporary files. An encrypted workbook needs
// Options.Password.
func ReadXLSX(r io.ReaderAt, size int64, opts Options) (iter.Seq[corpus.Row], io.Closer, error) {
	return readBook(r, size, "", opts)
}

// readBook is ReadXLSX; with a path the workbook is not held in memory.
func readBook(r io.ReaderAt, size int64, path string, opts Options) (iter.Seq[corpus.Row], io.Closer, error) {
	if err := opts.check(); err != nil {
		return nil, nil, err
	}
	b, err := openBook(r, size, path, &opts)
	if err != nil {
		return nil, nil, err
	}
	rd, err := b.reader(&opts)
	if err != nil {
		return nil, nil, errors.Join(err, b.Close())
	}
	rd.findTwins()
	return rd.rows(), b, nil
}

// A book is an open workbook.
type book struct {
	file  *excelize.File
	parts map[string]part // by sheet name
}

// Close removes the temporary files.
func (b *book) Close() error { return b.file.Close() }

const (
	maxPacked   = 256 << 20
	maxUnzipped = 1 << 30
	inMemory    = 8 << 20 // parts larger than this are unpacked to files
)

func openBook(r io.ReaderAt, size int64, path string, o *Options) (*book, error) {
	if size > maxPacked {
		return nil, fmt.Errorf("%w：%d MiB，最多 %d MiB", ErrTooLarge, size>>20, maxPacked>>20)
	}
	head := make([]byte, 4096)
	n, err := r.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	head = head[:n]
	if bytes.HasPrefix(head, oleMagic) {
		if r, size, err = decrypt(r, size, o); err != nil {
			return nil, err
		}
		path = ""
	} else if !bytes.HasPrefix(head, zipMagic) {
		if err := wrongFile(head); err != nil {
			return nil, err
		}
		return nil, fmt.Errorf("%w：不是 xlsx 工作簿", ErrFormat)
	}
	limit := o.MaxUnzipped
	if limit == 0 {
		limit = maxUnzipped
	}
	parts, err := inspect(r, size, limit)
	if err != nil {
		return nil, err
	}
	file, err := openExcel(r, size, path, limit)
	if err != nil {
		return nil, err
	}
	return &book{file, parts}, nil
}

// decrypt opens the container of an encrypted workbook, which is also that of
// the old binary format.
func decrypt(r io.ReaderAt, size int64, o *Options) (io.ReaderAt, int64, error) {
	raw := make([]byte, size)
	if _, err := r.ReadAt(raw, 0); err != nil && err != io.EOF {
		return nil, 0, err
	}
	if !bytes.Contains(raw, []byte("E\x00n\x00c\x00r\x00y\x00p\x00t\x00e\x00d\x00P\x00a\x00c\x00k\x00a\x00g\x00e\x00")) {
		return nil, 0, fmt.Errorf("%w：这是旧版 xls 文件，请用表格软件打开后另存为 xlsx", ErrFormat)
	}
	if o.Password == "" {
		return nil, 0, fmt.Errorf("%w：请提供密码，或去掉密码后再导入", ErrPassword)
	}
	var plain []byte
	err := shield(func() (err error) {
		plain, err = excelize.Decrypt(raw, &excelize.Options{Password: o.Password})
		return err
	})
	if err != nil || !bytes.HasPrefix(plain, zipMagic) {
		return nil, 0, fmt.Errorf("%w：密码不对", ErrPassword)
	}
	return bytes.NewReader(plain), int64(len(plain)), nil
}

func openExcel(r io.ReaderAt, size int64, path string, limit int64) (file *excelize.File, err error) {
	opts := excelize.Options{
		UnzipSizeLimit: limit, UnzipXMLSizeLimit: min(inMemory, limit),
		// The library's own pattern, 01-05-26, does not tell month from day.
		ShortDatePattern: "yyyy-mm-dd", LongDatePattern: "yyyy-mm-dd",
	}
	err = shield(func() (err error) {
		if path != "" {
			file, err = excelize.OpenFile(path, opts)
		} else {
			file, err = excelize.OpenReader(io.NewSectionReader(r, 0, size), opts)
		}
		return err
	})
	if err != nil {
		err = fmt.Errorf("%w：工作簿打不开：%w", ErrFormat, err)
		if file != nil { // its temporary files
			err = errors.Join(err, file.Close())
		}
		return nil, err
	}
	return file, nil
}

// shield turns a panic of the spreadsheet library on a malformed workbook into
// an error: an uploaded file must not end the service.
func shield(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w：工作簿内部结构错误：%v（%s）", ErrFormat, p, origin(debug.Stack()))
		}
	}()
	return f()
}

// origin is the line of the library that panicked.
func origin(stack []byte) string {
	for l := range strings.Lines(string(stack)) {
		if i := strings.Index(l, "excelize"); i >= 0 && strings.Contains(l, ".go:") {
			return strings.TrimSpace(l[i:])
		}
	}
	return "?"
}

// reader finds the tables of the workbook and indexes its sub-sheets.
func (b *book) reader(o *Options) (*reader, error) {
	rd := &reader{opts: o, subs: &subIndex{items: map[section]map[string][]item{}, used: map[string]bool{}}}
	props, err := b.file.GetWorkbookProps()
	if err != nil {
		return nil, fmt.Errorf("%w：%w", ErrFormat, err)
	}
	rd.date04 = props.Date1904 != nil && *props.Date1904
	var sheets []*candidate
	for _, name := range b.file.GetSheetList() {
		c, err := b.candidate(o, name)
		if err != nil {
			return nil, err
		}
		sheets = append(sheets, c)
	}
	err = rd.arrange(sheets)
	return rd, err
}

// A candidate is a sheet of which it is not decided what it holds.
type candidate struct {
	table   *table
	sec     section // by the sheet's name
	known   bool    // the header is good for something
	ignored string  // why the sheet is not read
}

func (b *book) candidate(o *Options, name string) (*candidate, error) {
	p, ok := b.parts[name]
	c := &candidate{table: &table{name: name, again: true}, sec: sectionOf(name)}
	if !ok || !p.worksheet {
		c.ignored = "不是表格（图表等）"
		return c, nil
	}
	c.table.lines = func() iter.Seq[line] { return b.lines(name, p) }
	var fatal error
	first := firstLines(func(yield func(line) bool) {
		for l := range c.table.lines() {
			fatal = l.fatal
			if !yield(l) {
				return
			}
		}
	})
	if fatal != nil {
		return nil, fatal
	}
	c.table.head, c.known = o.findHeader(first, c.sec)
	switch {
	case len(first) == 0:
		c.ignored = "空表"
	case !c.known:
		c.ignored = "没有认出表头"
	}
	return c, nil
}

// arrange decides which sheets are main tables. A sheet named after a section
// is a sub-sheet, unless there is no main table for it.
func (r *reader) arrange(sheets []*candidate) error {
	isSub := func(c *candidate) bool { return c.known && c.sec != secNone && c.table.head.sub(c.sec) }
	main := false
	for _, c := range sheets {
		main = main || c.known && c.table.head.guides() && !isSub(c)
	}
	for _, c := range sheets {
		m := c.table.head.mapping(c.table.name, "")
		switch {
		case !c.known:
			m.Note = c.ignored // the editor can still say which column is which
		case main && isSub(c):
			m.Content = string(c.sec)
			if len(m.Unknown) > 0 {
				m.Note = "未识别的列不导入：" + strings.Join(m.Unknown, "、")
			}
			if err := r.subs.add(c.table, c.sec); err != nil {
				return err
			}
		case c.table.head.guides():
			m.Content = "guide"
			r.tables = append(r.tables, c.table)
		case c.table.head.faqs():
			m.Content = "faq"
			r.tables = append(r.tables, c.table)
		default:
			m.Note = "只有「" + string(c.sec) + "」一类的列，又没有事项主表"
		}
		r.opts.tell(m)
	}
	for _, t := range r.tables {
		t.many = len(r.tables) > 1
	}
	if len(r.tables) == 0 {
		return noTable(sheets)
	}
	return nil
}

// noTable says what was found, sheet by sheet.
func noTable(sheets []*candidate) error {
	var errs []string
	for _, c := range sheets {
		if heads := c.table.head.heads(); len(heads) > 0 {
			errs = append(errs, "工作表「"+c.table.name+"」"+strings.TrimPrefix(headerError(c.table.head).Error(), ErrHeader.Error()))
		}
	}
	if len(errs) == 0 {
		return fmt.Errorf("%w：各工作表都是空的", ErrHeader)
	}
	return fmt.Errorf("%w；%s", ErrHeader, strings.Join(errs, "；"))
}

// lines yields the rows of a sheet with merged values in all their cells.
func (b *book) lines(name string, p part) iter.Seq[line] {
	return func(yield func(line) bool) {
		var rows *excelize.Rows
		err := shield(func() (err error) { rows, err = b.file.Rows(name); return err })
		if err != nil {
			yield(line{fatal: fmt.Errorf("工作表「%s」：%w", name, err)})
			return
		}
		defer rows.Close()
		spread := p.merges.spreader()
		for n := 1; n <= p.rows; n++ {
			l := nextLine(rows, n)
			if l.fatal != nil {
				l.fatal = fmt.Errorf("工作表「%s」第 %d 行：%w", name, n, l.fatal)
			}
			l.cells = spread(n, l.cells)
			if !yield(l) || l.fatal != nil {
				return
			}
		}
	}
}

// nextLine reads row n. That the library ends before the rows counted by
// inspect means that it stumbled, which it does not report.
func nextLine(rows *excelize.Rows, n int) line {
	l := line{n: n}
	l.fatal = shield(func() error {
		if !rows.Next() {
			if err := rows.Error(); err != nil {
				return err
			}
			return fmt.Errorf("%w：从这里起读不出来", ErrFormat)
		}
		cells, err := rows.Columns()
		l.cells = cells[:min(len(cells), maxColumns)]
		return err
	})
	if l.fatal != nil {
		l.cells = nil
	}
	for i, c := range l.cells {
		if len(c) > maxCell {
			l.err = fmt.Errorf("第 %d 列%w", i+1, errLong)
		}
	}
	return l
}
