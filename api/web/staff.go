package web

import (
	"bytes"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"
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
		"asset":  func(name string) string { return p.hashed[name] },
		"role":   RoleName,
		"action": actionName,
		"moment": moment,
		"has":    slices.Contains[[]string],
		"day":    day,
		"say":    published,
		"join":   strings.Join,
	}).ParseFS(embedded, "templates/staff.html", "templates/console.html", "templates/chart.html", "templates/icon.html")
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

// China is the zone in which staff read days and times.
func China() *time.Location { return china }

// An ActionName is an action of the audit log and what it is called on pages.
type ActionName struct{ Action, Name string }

// AuditActions lists the actions that have a name, in the order of the filter.
// What is not in it, as a kind of working documents, is shown as it is.
func AuditActions() []ActionName {
	return []ActionName{
		{"login", "登录"},
		{"login.failed", "登录失败"},
		{"login.code", "使用验证码"},
		{"login.recovery", "使用备用码"},
		{"logout", "退出"},
		{"session.end", "结束一次登录"},
		{"confirm.failed", "再次确认密码失败"},
		{"denied", "被拒绝"},
		{"user.add", "添加账号"},
		{"user.roles", "修改角色"},
		{"user.password", "修改密码"},
		{"user.reset", "作废密码"},
		{"user.second", "设置两步验证"},
		{"user.second.drop", "关闭两步验证"},
		{"user.sessions", "结束登录"},
		{"user.disable", "停用账号"},
		{"user.enable", "启用账号"},
		{"invite", "设置密码的链接"},
		{"apikey", "接口密钥"},
		{"model.off", "停用语言模型（删除即恢复）"},
		{"webhook", "事件通知的接收地址"},
		{"webhook.replay", "重送死信"},
		{"secret", "服务的密钥"},
		{"edition.import", "导入并发布"},
		{"edition.drafts", "发布草稿"},
		{"edition.remove", "撤下"},
		{"edition.rollback", "回退"},
		{"draft.save", "保存草稿"},
		{"draft.drop", "丢弃草稿"},
		{"draft.submit", "提交审核"},
		{"draft.approve", "审核通过"},
		{"draft.return", "退回草稿"},
		{"draft.schedule", "排期"},
		{"draft.unschedule", "取消排期"},
		{"draft.import", "导入为草稿"},
		{"gate.override", "越过发布前检查"},
		{"import", "导入任务"},
		{"import.mapping", "列的对应"},
		{"export", "导出"},
		{"message.reply", "答复留言"},
		{"audit.read", "查看审计记录"},
		{"audit.export", "导出审计记录"},
		{"audit.verify", "核验审计记录"},
		{"message.read", "查看留言"},
		{"backup", "备份"},
		{"restore", "从备份恢复"},
	}
}

func actionName(action string) string {
	for _, a := range AuditActions() {
		if a.Action == action {
			return a.Name
		}
	}
	return action
}

// moment says a time to the second.
func moment(t time.Time) string {
	if t.IsZero() {
		return "从未"
	}
	return t.In(china).Format("2006-01-02 15:04:05")
}
