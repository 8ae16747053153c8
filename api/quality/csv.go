package quality

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"mime"
	"strings"

	"github.com/gofiber/fiber/v2"
)

// harmless keeps a spreadsheet from taking a text for a formula: one that
// begins as a formula does gets an apostrophe before it. A plain number stays
// one.
func harmless(cell string) string {
	trimmed := strings.TrimLeft(cell, " \u00a0\u3000")
	if trimmed == "" || !strings.ContainsAny(trimmed[:1], "=+-@\t\r\n|%") && !strings.HasPrefix(trimmed, "＝") && !strings.HasPrefix(trimmed, "＋") &&
		!strings.HasPrefix(trimmed, "－") && !strings.HasPrefix(trimmed, "＠") {
		return cell
	}
	if strings.Trim(trimmed[1:], "0123456789.") == "" && len(trimmed) > 1 && trimmed[0] == '-' {
		return cell
	}
	return "'" + cell
}

// sendCSV sends a table that spreadsheets open as they should: UTF-8 with a
// byte order mark, and nothing in it that they would run.
func sendCSV(f *fiber.Ctx, name string, header []string, rows [][]string) error {
	var buf bytes.Buffer
	buf.WriteString("\ufeff")
	w := csv.NewWriter(&buf)
	for _, row := range append([][]string{header}, rows...) {
		safe := make([]string, len(row))
		for i, cell := range row {
			safe[i] = harmless(cell)
		}
		if err := w.Write(safe); err != nil {
			return fmt.Errorf("csv: %w", err)
		}
	}
	w.Flush()
	if err := w.Error(); err != nil {
		return fmt.Errorf("csv: %w", err)
	}
	return sendFile(f, name+".csv", "text/csv; charset=utf-8", buf.Bytes())
}

// sendFile sends a file to be kept.
func sendFile(f *fiber.Ctx, name, contentType string, data []byte) error {
	f.Set(fiber.HeaderContentType, contentType)
	f.Set(fiber.HeaderContentDisposition, mime.FormatMediaType("attachment", map[string]string{"filename": name}))
	f.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	return f.Send(data)
}
