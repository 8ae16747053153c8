package document

import (
	"archive/zip"
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
)

// WordprocessingML is read here with the standard library. The Go libraries
// for it that are free to use leave out what stands in links, in controls or
// in accepted changes: words of a law would be lost in silence.

const (
	documentPart = "word/document.xml"
	stylesPart   = "word/styles.xml"

	maxPart  = 64 << 20 // bytes of one part, unpacked
	maxParts = 10_000
	maxRatio = 200 // unpacked to packed, of a part over a megabyte: text packs to a tenth
)

func isDOCX(data []byte) bool {
	zr, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return false
	}
	for _, f := range zr.File {
		if f.Name == documentPart {
			return true
		}
	}
	return false
}

func readDOCX(data []byte) ([]Block, error) {
	zr, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, fmt.Errorf("%w：压缩包损坏（%w）", ErrFormat, err)
	}
	if len(zr.File) > maxParts {
		return nil, fmt.Errorf("%w：压缩包里有 %d 个文件", ErrTooLarge, len(zr.File))
	}
	styles, err := part(zr, stylesPart)
	if err != nil {
		return nil, err
	}
	text, err := part(zr, documentPart)
	if err != nil {
		return nil, err
	}
	levels, err := headingStyles(styles)
	if err != nil {
		return nil, fmt.Errorf("%w：样式读不懂（%w）", ErrFormat, err)
	}
	d := docx{levels: levels}
	if err := d.read(text); err != nil {
		if errors.Is(err, ErrTooLarge) {
			return nil, err
		}
		return nil, fmt.Errorf("%w：正文读不懂（%w）", ErrFormat, err)
	}
	return d.blocks, nil
}

// part unpacks one file of the package, nil if it is not there.
func part(zr *zip.Reader, name string) ([]byte, error) {
	for _, f := range zr.File {
		if f.Name != name {
			continue
		}
		if f.UncompressedSize64 > maxPart || f.UncompressedSize64 > 1<<20 && f.UncompressedSize64 > maxRatio*max(1, f.CompressedSize64) {
			return nil, fmt.Errorf("%w：%s 解开后有 %d MiB", ErrTooLarge, name, f.UncompressedSize64>>20)
		}
		r, err := f.Open()
		if err != nil {
			return nil, fmt.Errorf("%w：%s（%w）", ErrFormat, name, err)
		}
		b, err := io.ReadAll(io.LimitReader(r, maxPart+1))
		if err = errors.Join(err, r.Close()); err != nil {
			return nil, fmt.Errorf("%w：%s（%w）", ErrFormat, name, err)
		}
		if len(b) > maxPart { // the size in the directory was a lie
			return nil, fmt.Errorf("%w：%s 解开后超过 %d MiB", ErrTooLarge, name, maxPart>>20)
		}
		return b, nil
	}
	return nil, nil
}

// headingName is what styles of headings are called.
var headingName = regexp.MustCompile(`(?i)^(?:heading|标题)\s*([1-9])$`)

// headingStyles maps the ids of styles to the levels of their headings.
func headingStyles(styles []byte) (map[string]int, error) {
	var sheet struct {
		Styles []struct {
			ID   string `xml:"styleId,attr"`
			Name struct {
				Val string `xml:"val,attr"`
			} `xml:"name"`
			Outline *struct {
				Val int `xml:"val,attr"`
			} `xml:"pPr>outlineLvl"`
		} `xml:"style"`
	}
	levels := map[string]int{}
	if len(styles) == 0 {
		return levels, nil
	}
	if err := xml.Unmarshal(styles, &sheet); err != nil {
		return nil, err
	}
	for _, s := range sheet.Styles {
		if m := headingName.FindStringSubmatch(s.Name.Val); m != nil {
			levels[s.ID], _ = strconv.Atoi(m[1]) // one digit
		} else if s.Outline != nil && s.Outline.Val >= 0 && s.Outline.Val < 9 {
			levels[s.ID] = s.Outline.Val + 1
		}
	}
	return levels, nil
}

// A docx gathers the paragraphs of a document. A row of a table is a
// paragraph, its cells set apart.
type docx struct {
	levels map[string]int
	blocks []Block
	size   int

	text  strings.Builder
	level int
	row   int  // depth of table rows: paragraphs inside belong to the row
	cell  bool // the row has a cell already
	gone  int  // depth of what was deleted, or is shown in another way, too
}

func (d *docx) read(text []byte) error {
	dec := xml.NewDecoder(bytes.NewReader(text))
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			d.end()
			return nil
		}
		if err != nil {
			return err
		}
		switch t := token.(type) {
		case xml.StartElement:
			if err := d.start(dec, t); err != nil {
				return err
			}
		case xml.EndElement:
			d.close(t.Name.Local)
		}
		if d.size+d.text.Len() > MaxText {
			return fmt.Errorf("%w：正文超过 %d MiB", ErrTooLarge, MaxText>>20)
		}
	}
}

func (d *docx) start(dec *xml.Decoder, t xml.StartElement) error {
	switch t.Name.Local {
	case "del", "moveFrom", "Fallback": // deleted text; a second form of what has just been read
		d.gone++
	case "tr":
		if d.row == 0 {
			d.end()
			d.cell = false
		}
		d.row++
	case "tc":
		if d.cell {
			d.text.WriteString("　")
		}
		d.cell = true
	case "p":
		if d.row == 0 {
			d.end()
		} else if n := d.text.Len(); n > 0 && !strings.HasSuffix(d.text.String(), "　") {
			d.text.WriteString(" ")
		}
	case "pStyle":
		d.level = max(d.level, d.levels[attr(t, "val")])
	case "outlineLvl":
		if n, err := strconv.Atoi(attr(t, "val")); err == nil && n >= 0 && n < 9 {
			d.level = n + 1
		}
	case "t":
		var s string
		if err := dec.DecodeElement(&s, &t); err != nil {
			return err
		}
		if d.gone == 0 {
			d.text.WriteString(s)
		}
	case "tab":
		d.text.WriteString(" ")
	case "br", "cr":
		d.text.WriteString("\n")
	case "noBreakHyphen":
		d.text.WriteString("-")
	}
	return nil
}

func (d *docx) close(name string) {
	switch name {
	case "del", "moveFrom", "Fallback":
		d.gone--
	case "tr":
		if d.row--; d.row == 0 {
			d.level = 0
			d.end()
		}
	case "p":
		if d.row == 0 {
			d.end()
		}
	}
}

// end ends a paragraph.
func (d *docx) end() {
	text := strings.TrimRight(clean(d.text.String()), " \n　")
	if text != "" {
		d.size += len(text)
		d.blocks = append(d.blocks, Block{Text: text, Heading: d.level})
	}
	d.text.Reset()
	d.level = 0
}

func attr(t xml.StartElement, name string) string {
	for _, a := range t.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}
