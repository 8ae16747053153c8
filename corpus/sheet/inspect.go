package sheet

import (
	"archive/zip"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/xuri/excelize/v2"
)

// Limits of the parts of a workbook that are not streamed.
const (
	maxPart    = 16 << 20  // styles, theme, workbook
	maxMedia   = 192 << 20 // pictures and all other parts together
	maxText    = 1 << 20   // XML without a tag: one cell
	maxStrings = 4 << 20   // distinct strings
	maxMerges  = 200_000
	maxParts   = 10_000
)

// A part is what inspect found out about a sheet.
type part struct {
	worksheet bool
	rows      int // the number of the last row
	merges    merges
}

// inspect reads the parts of a workbook before the spreadsheet library does:
// it refuses what unpacks to too much, finds merged cells, which the library
// tells only after loading the whole sheet, and checks that the XML is whole,
// because the library ends at the first fault as if the sheet ended there.
func inspect(r io.ReaderAt, size, limit int64) (map[string]part, error) {
	zr, err := zip.NewReader(r, size)
	if err != nil {
		return nil, fmt.Errorf("%w：工作簿已损坏：%w", ErrFormat, err)
	}
	files, err := checkSizes(zr, limit)
	if err != nil {
		return nil, err
	}
	targets, err := sheetTargets(files)
	if err != nil {
		return nil, err
	}
	if f := files["xl/sharedstrings.xml"]; f != nil {
		if err := checkStrings(f); err != nil {
			return nil, err
		}
	}
	parts := map[string]part{}
	for name, target := range targets {
		f := files[strings.ToLower(target)]
		if f == nil {
			return nil, fmt.Errorf("%w：工作表「%s」的内容 %s 不在文件里", ErrFormat, name, target)
		}
		p, err := inspectSheet(f)
		if err != nil {
			return nil, fmt.Errorf("工作表「%s」：%w", name, err)
		}
		parts[name] = p
	}
	return parts, nil
}

// checkSizes adds up what the directory of the zip file declares; unpacking
// stops with an error where a part is longer than declared.
func checkSizes(zr *zip.Reader, limit int64) (map[string]*zip.File, error) {
	if len(zr.File) > maxParts {
		return nil, fmt.Errorf("%w：压缩包里有 %d 个文件", ErrTooLarge, len(zr.File))
	}
	files := map[string]*zip.File{}
	var total, other uint64
	for _, f := range zr.File {
		name := strings.ToLower(strings.ReplaceAll(f.Name, "\\", "/"))
		n := f.UncompressedSize64
		files[name] = f
		if n > uint64(limit) || total+n > uint64(limit) {
			return nil, fmt.Errorf("%w：解压后超过 %d MiB", ErrTooLarge, limit>>20)
		}
		total += n
		if strings.HasPrefix(name, "xl/worksheets/sheet") || name == "xl/sharedstrings.xml" {
			continue
		}
		other += n
		if n > maxPart && strings.HasSuffix(name, ".xml") || other > maxMedia {
			return nil, fmt.Errorf("%w：%s 等图片、样式的内容过多", ErrTooLarge, f.Name)
		}
	}
	return files, nil
}

// sheetTargets pairs each sheet name with its part.
func sheetTargets(files map[string]*zip.File) (map[string]string, error) {
	var wb struct {
		Sheets []struct {
			Name  string     `xml:"name,attr"`
			Attrs []xml.Attr `xml:",any,attr"`
		} `xml:"sheets>sheet"`
	}
	var rels struct {
		Rel []struct {
			ID     string `xml:"Id,attr"`
			Target string `xml:"Target,attr"`
		} `xml:"Relationship"`
	}
	if err := decodePart(files["xl/workbook.xml"], &wb); err != nil {
		return nil, err
	}
	if err := decodePart(files["xl/_rels/workbook.xml.rels"], &rels); err != nil {
		return nil, err
	}
	byID := map[string]string{}
	for _, r := range rels.Rel {
		byID[r.ID] = partName(r.Target)
	}
	targets := map[string]string{}
	for _, s := range wb.Sheets {
		for _, a := range s.Attrs {
			if a.Name.Local == "id" && a.Name.Space != "" && byID[a.Value] != "" {
				targets[s.Name] = byID[a.Value]
			}
		}
	}
	return targets, nil
}

func partName(target string) string {
	target = strings.ReplaceAll(target, "\\", "/")
	if strings.HasPrefix(target, "/") {
		return path.Clean(target[1:])
	}
	return path.Join("xl", target)
}

func decodePart(f *zip.File, v any) (err error) {
	if f == nil {
		return fmt.Errorf("%w：不是 xlsx 工作簿（缺少 xl/workbook.xml）", ErrFormat)
	}
	rc, err := f.Open()
	if err != nil {
		return fmt.Errorf("%w：%s：%w", ErrFormat, f.Name, err)
	}
	defer func() { err = errors.Join(err, rc.Close()) }()
	if err := xml.NewDecoder(rc).Decode(v); err != nil {
		return fmt.Errorf("%w：%s：%w", ErrFormat, f.Name, err)
	}
	return nil
}

// walk calls visit for every start tag of a part, and fails if the part is not
// whole or one text in it is too long.
func walk(f *zip.File, visit func(xml.StartElement) error) (err error) {
	rc, err := f.Open()
	if err != nil {
		return fmt.Errorf("%w：%s：%w", ErrFormat, f.Name, err)
	}
	defer func() { err = errors.Join(err, rc.Close()) }()
	d := xml.NewDecoder(&tagReader{in: rc})
	depth := 0
	for {
		tok, err := d.RawToken()
		if errors.Is(err, io.EOF) && depth == 0 {
			return nil
		}
		if errors.Is(err, ErrTooLarge) {
			return err
		}
		if err != nil {
			return fmt.Errorf("%w：内容不完整或含有不允许的字符：%s：%w", ErrFormat, f.Name, err)
		}
		switch el := tok.(type) {
		case xml.StartElement:
			depth++
			if err := visit(el); err != nil {
				return err
			}
		case xml.EndElement:
			depth--
		}
	}
}

// A tagReader refuses XML in which a tag is too far away, before the decoder
// has gathered it in memory.
type tagReader struct {
	in    io.Reader
	since int // bytes since the last <
}

func (t *tagReader) Read(p []byte) (int, error) {
	n, err := t.in.Read(p)
	for _, b := range p[:n] {
		t.since++
		if b == '<' {
			t.since = 0
		}
		if t.since > maxText {
			return 0, fmt.Errorf("%w：有单元格的内容超过 %d KiB", ErrTooLarge, maxText>>10)
		}
	}
	return n, err
}

func checkStrings(f *zip.File) error {
	n := 0
	return walk(f, func(el xml.StartElement) error {
		if el.Name.Local == "si" {
			n++
		}
		if n > maxStrings {
			return fmt.Errorf("%w：不同的文本超过 %d 个", ErrTooLarge, maxStrings)
		}
		return nil
	})
}

func inspectSheet(f *zip.File) (part, error) {
	var p part
	err := walk(f, func(el xml.StartElement) error {
		switch el.Name.Local {
		case "sheetData":
			p.worksheet = true
		case "row":
			return p.countRow(el)
		case "mergeCell":
			return p.merges.add(attr(el, "ref"))
		}
		return nil
	})
	slices.SortStableFunc(p.merges, func(a, b area) int { return a.top - b.top })
	return p, err
}

func attr(el xml.StartElement, name string) string {
	for _, a := range el.Attr {
		if a.Name.Local == name && a.Name.Space == "" {
			return a.Value
		}
	}
	return ""
}

func (p *part) countRow(el xml.StartElement) error {
	r := attr(el, "r")
	if r == "" {
		p.rows++
		return nil
	}
	n, err := strconv.Atoi(r)
	if err != nil || n <= p.rows || n > excelize.TotalRows {
		return fmt.Errorf("%w：第 %d 行之后的行号 %q 不对", ErrFormat, p.rows, r)
	}
	p.rows = n
	return nil
}

// An area is a merged range, rows and columns counted from 1.
type area struct{ top, left, bottom, right int }

type merges []area

func (m *merges) add(ref string) error {
	from, to, ok := strings.Cut(ref, ":")
	if !ok {
		return nil // one cell, merged with nothing
	}
	l, t, err := excelize.CellNameToCoordinates(from)
	if err != nil {
		return fmt.Errorf("%w：合并区域 %q：%w", ErrFormat, ref, err)
	}
	r, b, err := excelize.CellNameToCoordinates(to)
	if err != nil {
		return fmt.Errorf("%w：合并区域 %q：%w", ErrFormat, ref, err)
	}
	if len(*m) >= maxMerges {
		return fmt.Errorf("%w：合并区域超过 %d 个", ErrTooLarge, maxMerges)
	}
	if r = min(r, maxColumns); l <= r && t <= b {
		*m = append(*m, area{t, l, b, r})
	}
	return nil
}

// spreader returns a function that, called for each row in order, copies the
// value of a merged range, which its first cell has, into the other cells.
func (m merges) spreader() func(n int, cells []string) []string {
	type open struct {
		area
		text string
	}
	var active []open
	next := 0
	return func(n int, cells []string) []string {
		active = slices.DeleteFunc(active, func(o open) bool { return o.bottom < n })
		for ; next < len(m) && m[next].top <= n; next++ {
			// More ranges than columns cannot lie side by side.
			if a := m[next]; a.top == n && at(cells, a.left-1) != "" && len(active) < maxColumns {
				active = append(active, open{a, cells[a.left-1]})
			}
		}
		for _, o := range active {
			for len(cells) < o.right {
				cells = append(cells, "")
			}
			for c := o.left - 1; c < o.right; c++ {
				if cells[c] == "" {
					cells[c] = o.text
				}
			}
		}
		return cells
	}
}
