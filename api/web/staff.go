package web

import (
	"bytes"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"path"
	"strings"
)

// A StaffPage is a page for members of staff: what every one shows around its
// main part, and what it shows there.
type StaffPage struct {
	Title   string // of the window and the page
	Name    string // who is logged in; empty on the way in
	Roles   []string
	Menu    []MenuLink
	CSRF    string   // for the hidden field _csrf of every form
	Scripts []string // names of the page's own scripts
	Main    any      // what the page's template shows, as .Main
	Service string   // filled in by Staff
}

// A MenuLink is one line of the navigation.
type MenuLink struct {
	Label, Path string
	Here        bool // the page belongs to it
}

// RoleName is what a role is called on pages.
func RoleName(role string) string {
	switch role {
	case "editor":
		return "编辑"
	case "reviewer":
		return "审核"
	case "publisher":
		return "发布"
	case "operator":
		return "话务"
	case "supervisor":
		return "班长"
	case "admin":
		return "管理"
	case "auditor":
		return "审计"
	}
	return role
}

// readStaff reads the frame of the staff's pages and every page that fills it.
func (p *Pages) readStaff() error {
	frame, err := template.New("staff.html").Funcs(template.FuncMap{
		"asset": func(name string) string { return p.hashed[name] },
		"role":  RoleName,
		"day":   day,
		"say":   published,
		"join":  strings.Join,
	}).ParseFS(embedded, "templates/staff.html", "templates/icon.html")
	if err != nil {
		return fmt.Errorf("frame of the staff's pages: %w", err)
	}
	files, err := fs.Glob(embedded, "templates/staff/*.html")
	if err != nil {
		return fmt.Errorf("the staff's pages: %w", err)
	}
	p.staff = map[string]*template.Template{}
	for _, file := range files {
		page, err := frame.Clone()
		if err != nil {
			return fmt.Errorf("page %s: %w", file, err)
		}
		name := strings.TrimSuffix(path.Base(file), ".html")
		if p.staff[name], err = page.ParseFS(embedded, file); err != nil {
			return fmt.Errorf("page %s: %w", file, err)
		}
	}
	return nil
}

// Staff writes a page for staff: templates/staff/NAME.html, which defines
// "main", in the frame templates/staff.html.
func (p *Pages) Staff(w io.Writer, name string, page StaffPage) error {
	t, ok := p.staff[name]
	if !ok {
		return fmt.Errorf("page %s: %w", name, fs.ErrNotExist)
	}
	page.Service = p.opts.Title
	var buf bytes.Buffer // a template's error leaves no half page behind
	if err := t.ExecuteTemplate(&buf, "staff.html", page); err != nil {
		return fmt.Errorf("page %s: %w", name, err)
	}
	_, err := buf.WriteTo(w)
	return err
}
