package sheet

import (
	"encoding/csv"
	"fmt"
	"io"
	"iter"
	"strings"

	"github.com/xuri/excelize/v2"
)

// An Output is one table to be written.
type Output struct {
	Name string // of the sheet
	Head []string
	Rows iter.Seq2[[]string, error]
}

// formulaStart are the characters by which a spreadsheet takes a cell for a
// formula, those of full width among them.
const formulaStart = "=+-@\t\r＝＋－＠"

// escape keeps a spreadsheet from running a cell: an apostrophe before it says
// that it is text. Reading takes it away again.
func escape(cell string) string {
	if cell != "" && strings.ContainsRune(formulaStart, []rune(cell)[0]) {
		return "'" + cell
	}
	return cell
}

// unescape takes away what escape has put before a cell.
func unescape(cell string) string {
	rest, ok := strings.CutPrefix(cell, "'")
	if ok && rest != "" && strings.ContainsRune(formulaStart, []rune(rest)[0]) {
		return rest
	}
	return cell
}

// WriteCSV writes a table as CSV in UTF-8 with the mark by which spreadsheets
// know it. No cell of it is run as a formula.
func WriteCSV(w io.Writer, t Output) error {
	if _, err := io.WriteString(w, "\xef\xbb\xbf"); err != nil {
		return err
	}
	cw := csv.NewWriter(w)
	cw.UseCRLF = true
	if err := cw.Write(escaped(t.Head)); err != nil {
		return err
	}
	for row, err := range t.Rows {
		if err != nil {
			return err
		}
		if err := cw.Write(escaped(row)); err != nil {
			return err
		}
	}
	cw.Flush()
	return cw.Error()
}

func escaped(row []string) []string {
	cells := make([]string, len(row))
	for i, c := range row {
		cells[i] = escape(c)
	}
	return cells
}

// maxWritten is how many characters a cell of a workbook can hold.
const maxWritten = excelize.TotalCellChars

// WriteXLSX writes tables as the sheets of a workbook. Every cell is text, and
// none is run as a formula, in whatever it is saved later.
func WriteXLSX(w io.Writer, tables []Output) (err error) {
	f := excelize.NewFile()
	defer func() {
		if closeErr := f.Close(); err == nil {
			err = closeErr
		}
	}()
	for i, t := range tables {
		if i == 0 {
			err = f.SetSheetName("Sheet1", t.Name)
		} else {
			_, err = f.NewSheet(t.Name)
		}
		if err != nil {
			return fmt.Errorf("工作表「%s」：%w", t.Name, err)
		}
		if err := writeSheet(f, t); err != nil {
			return fmt.Errorf("工作表「%s」：%w", t.Name, err)
		}
	}
	return f.Write(w)
}

func writeSheet(f *excelize.File, t Output) error {
	sw, err := f.NewStreamWriter(t.Name)
	if err != nil {
		return err
	}
	n := 0
	write := func(row []string) error {
		n++
		cell, err := excelize.CoordinatesToCellName(1, n)
		if err != nil {
			return err
		}
		cells := make([]any, len(row))
		for i, c := range row {
			if c = escape(c); len([]rune(c)) > maxWritten {
				return fmt.Errorf("第 %d 行有单元格超过 %d 字，请导出为 JSON Lines", n, maxWritten)
			}
			cells[i] = c
		}
		return sw.SetRow(cell, cells)
	}
	if err := write(t.Head); err != nil {
		return err
	}
	for row, err := range t.Rows {
		if err != nil {
			return err
		}
		if err := write(row); err != nil {
			return err
		}
	}
	return sw.Flush()
}
