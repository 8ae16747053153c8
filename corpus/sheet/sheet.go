// Package sheet reads guides (办事指南) and frequently asked questions from the
// tables that departments export: CSV in whatever encoding and XLSX workbooks
// with sub-sheets, merged cells and two header rows. It yields the same
// [corpus.Row] values as the JSON Lines reader, so that the store imports all
// three alike.
//
// Its promise: what a table does not say stays unknown. An empty fee is never
// "free", an empty time limit never "at once"; a value that cannot be
// understood is kept under its header in Extra and reported, or the row is
// rejected with the reason, and nothing is dropped in silence. Every record
// that is yielded has passed its Validate.
//
// Main tables are streamed. Held in memory are: one group of consecutive rows
// of one code, the sub-sheets of a workbook (materials, fees, places …, indexed
// by code), two hashes for each code of a file that has a column of themes and
// can be read twice, and the compressed bytes of a workbook that is not read
// from a path. A workbook's distinct strings, which lie in a temporary file
// when they are many, cost about 50 bytes each.
package sheet

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/govqa/govqa/corpus"
)

// Errors of a whole file. Each is wrapped with what was found, in Chinese,
// because an editor reads it.
var (
	// ErrFormat means that the file is not of the format asked for: an old
	// .xls, a web page saved as a table, a damaged workbook.
	ErrFormat = errors.New("文件格式不对")
	// ErrHeader means that no header row with the columns that a guide or an
	// FAQ needs was found.
	ErrHeader = errors.New("没有认出表头")
	// ErrPassword means that the workbook is encrypted and Options.Password is
	// empty or wrong.
	ErrPassword = errors.New("工作簿已加密")
	// ErrTooLarge means that the workbook unpacks to more than the limits.
	ErrTooLarge = errors.New("文件过大")
	// ErrOption means that Options or the format name make no sense.
	ErrOption = errors.New("选项无效")
)

// Options tune the reading of a table. The zero value is what production runs.
type Options struct {
	// Columns maps headers that the synonym table does not know to one of
	// [Fields]; it goes before the table. A header mapped to "" is ignored.
	Columns map[string]string

	// LimitUnits gives the unit of time limits that carry none: the key is the
	// value of the unit column, or "" for a bare number. A unit code that is
	// not here rejects the row, because departments number units differently.
	LimitUnits map[string]string

	// Password opens an encrypted workbook.
	Password string

	// MaxUnzipped is the greatest size in bytes to which a workbook may
	// unpack. If zero, 1 GiB.
	MaxUnzipped int64

	// OnMapping, if not nil, is told how the columns of each sheet were
	// understood, before the first row is yielded.
	OnMapping func(Mapping)

	// OnWarning, if not nil, is told of each thing that was read but not
	// understood, or mended. It is called while rows are drawn.
	OnWarning func(Warning)
}

// A Mapping says how one sheet was understood, for the report of a dry run.
type Mapping struct {
	Sheet   string   // "" for CSV
	Content string   // guide, faq, material, fee, place, basis, step, qa; "" if the sheet is not read
	Row     int      // the last header row, from 1
	Columns []Column // in the order of the sheet
	Unknown []string // headers that were not recognised; their values go to Extra, or are left out of a sub-sheet
	Note    string   // why the sheet, or what of it, is not read, in Chinese
}

// A Column is one column of a sheet and the field that it fills.
type Column struct {
	Header string
	Field  string // one of [Fields]; "" if it was not recognised
}

// A Warning is something in a row that did not reject it.
type Warning struct {
	Sheet string // "" for CSV
	Row   int
	Field string
	Why   string // in Chinese
}

// formats lists the names that [Open] takes.
var formats = []string{"jsonl", "csv", "xlsx"}

// Open reads the file at path. The format is jsonl, csv or xlsx; if it is "",
// the content decides. The caller closes the Closer after the last row; the
// rows can be drawn once. A row with N 0 says that the file itself could not
// be read further.
func Open(path, format string, opts Options) (iter.Seq[corpus.Row], io.Closer, error) {
	if format != "" && !slices.Contains(formats, format) {
		return nil, nil, fmt.Errorf("%w：不认识的格式 %q，应为 %s 之一", ErrOption, format, strings.Join(formats, "、"))
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	rows, closer, err := openFile(f, format, opts)
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("%s：%w", filepath.Base(path), err), f.Close())
	}
	return rows, closer, nil
}

func openFile(f *os.File, format string, opts Options) (iter.Seq[corpus.Row], io.Closer, error) {
	head := make([]byte, 4096)
	n, err := f.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, nil, err
	}
	if format == "" {
		format = detect(head[:n])
	}
	switch format {
	case "jsonl":
		return corpus.ReadJSONL(f), f, nil
	case "xlsx":
		info, err := f.Stat()
		if err != nil {
			return nil, nil, err
		}
		rows, book, err := readBook(f, info.Size(), f.Name(), opts)
		if err != nil {
			return nil, nil, err
		}
		return rows, closers{book, f}, nil
	}
	rows, err := ReadCSV(f, opts)
	return rows, f, err
}

// detect tells the format of a file from its first bytes. What is no workbook
// and no JSON is left to the CSV reader, which says what is wrong with it.
func detect(head []byte) string {
	text := bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")), " \t\r\n")
	switch {
	case bytes.HasPrefix(head, zipMagic), bytes.HasPrefix(head, oleMagic):
		return "xlsx"
	case bytes.HasPrefix(text, []byte("{")):
		return "jsonl"
	}
	return "csv"
}

type closers []io.Closer

func (cs closers) Close() error {
	var errs []error
	for _, c := range cs {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

// A line is one row of a table before it is understood.
type line struct {
	n     int // the row number that the editor sees
	cells []string
	err   error // why this row could not be read; the rows after it can
	fatal error // why nothing more can be read
}

func (l line) blank() bool {
	return l.err == nil && l.fatal == nil && !slices.ContainsFunc(l.cells, func(c string) bool { return strings.TrimSpace(c) != "" })
}

// A table is a sheet whose header has been found.
type table struct {
	name  string // the sheet; "" for CSV
	many  bool   // the file has several main sheets, so that errors name theirs
	head  header
	lines func() iter.Seq[line] // all rows, header included; may be drawn again if again is true
	again bool
}

// body yields the rows after the header, without repeated headers.
func (t *table) body() iter.Seq[line] {
	return func(yield func(line) bool) {
		for l := range t.lines() {
			if l.fatal == nil && (l.n <= t.head.row || l.blank() || t.head.repeated(l)) {
				continue
			}
			if !yield(l) || l.fatal != nil {
				return
			}
		}
	}
}
