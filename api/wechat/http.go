package wechat

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"github.com/govqa/govqa/api"
)

// The paths of the callbacks.
const (
	pathOfficial = "/wx/callback"
	pathWeCom    = "/wecom/callback"
)

// Interface serves the account's callbacks beside the API. It asks through
// the API's gate, each person counted by themselves.
func (a *Account) Interface() api.Interface {
	prefix, path, name := "/wx/", pathOfficial, "微信公众号"
	if a.Kind == WeCom {
		prefix, path, name = "/wecom/", pathWeCom, "企业微信"
	}
	params := []api.Param{{Name: "timestamp", In: "query", Words: "平台的时间戳", Example: "1778572800"}, {Name: "nonce", In: "query", Words: "平台的随机数", Example: "1372623149"},
		{Name: "signature", In: "query", Words: "公众号的签名", Example: ""}, {Name: "msg_signature", In: "query", Words: "加密消息的签名", Example: ""}}
	return api.Interface{
		Prefix: prefix,
		Operations: []api.Operation{
			{ID: string(a.Kind) + "-verify", Method: http.MethodGet, Path: path, Tag: "平台回调", Summary: name + "验证地址",
				Description: "由平台调用：签名正确就原样答复 echostr。", Params: append(params, api.Param{Name: "echostr", In: "query", Words: "要答复的字串", Example: ""}),
				Reply: "", ReplyType: "text/plain", Problems: []int{http.StatusForbidden}},
			{ID: string(a.Kind) + "-callback", Method: http.MethodPost, Path: path, Tag: "平台回调", Summary: name + "的消息和事件",
				Description: "由平台调用：正文是平台的 XML，答复是被动回复的 XML，或 success。", Params: params,
				Reply: "success", ReplyType: "text/plain", Problems: []int{http.StatusBadRequest, http.StatusForbidden}},
		},
		Handler: func(h api.Host) (http.Handler, error) {
			a.Engine = h.Engine
			return &handler{a, h}, nil
		},
	}
}

type handler struct {
	account *Account
	host    api.Host
}

// ServeHTTP implements [http.Handler].
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	resp, err := h.serve(r)
	if err != nil {
		p := h.host.Problem(r.Context(), problemOf(err))
		w.Header().Set("Content-Type", p.ContentType(""))
		w.WriteHeader(p.Status)
		_ = json.NewEncoder(w).Encode(p) // fails only when the platform has gone
		return
	}
	w.Header().Set("Content-Type", resp.Type)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(resp.Status)
	_, _ = w.Write(resp.Body) // likewise
}

func (h *handler) serve(r *http.Request) (Response, error) {
	if r.Method != http.MethodPost {
		return h.account.Verify(r.URL.Query())
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return Response{}, err
	}
	return h.account.Receive(r.Context(), r.URL.Query(), body)
}

// problemOf says nothing about what was wrong to who forges.
func problemOf(err error) error {
	switch {
	case errors.Is(err, ErrForged):
		return api.NewProblem(http.StatusForbidden, "只接受平台签名的回调。")
	case errors.Is(err, ErrBadXML):
		return api.NewProblem(http.StatusBadRequest, "正文不是平台回调的 XML。")
	}
	return err
}
