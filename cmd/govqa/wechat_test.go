package main

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // the platform's signature is SHA-1
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/govqa/govqa/api/wechat"
)

// The command of the menu, by itself and through a service that takes the
// platform's callbacks.
func TestWeChat(t *testing.T) {
	t.Parallel()
	menus := make(chan string, 1)
	platform := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/menu/create") {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			menus <- string(body)
		}
		if _, err := io.WriteString(w, `{"errcode":0,"errmsg":"ok","access_token":"t","expires_in":7200}`); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(platform.Close)
	data := t.TempDir()
	want(t, fails(t, "wechat", "menu", "-data", data).err, []string{"没有配置 wechat"})
	config := write(t, "govqa.toml", `wechat_app_id = "wx0123456789abcdef"`, `wechat_token = "aToken"`, `wechat_secret = "secret"`,
		`public_url = "https://wd.example.gov.cn/"`, `wechat_api = "`+platform.URL+`"`)
	var menu wechat.Menu
	if err := json.Unmarshal([]byte(must(t, "wechat", "menu", "-data", data, "-config", config)), &menu); err != nil || len(menu.Buttons) != 3 {
		t.Fatalf("menu %+v, %v", menu, err)
	}
	bad := write(t, "bad.toml", `wechat_app_id = "wx0123456789abcdef"`, `wechat_token = "a"`)
	want(t, fails(t, "serve", "-data", data, "-addr", "127.0.0.1:0", "-config", bad).err, []string{"Token 应为"})

	s := serving(t, data, "GOVQA_WECHAT_APP_ID=wx0123456789abcdef", "GOVQA_WECHAT_TOKEN=aToken", "GOVQA_WECHAT_SECRET=secret",
		"GOVQA_PUBLIC_URL=https://wd.example.gov.cn", "GOVQA_WECHAT_API="+platform.URL)
	id := strings.TrimPrefix(menu.Buttons[0].Sub[1].Key, "event:")
	want(t, must(t, "wechat", "menu", "-data", data, "-push", id), []string{"菜单已设置"})
	want(t, <-menus, []string{`"key":"event:` + id + `"`, `"url":"https://wd.example.gov.cn/search"`})
	want(t, fails(t, "wechat", "menu", "-data", data, "-wecom").err, []string{"没有配置 wecom"})

	at := strconv.FormatInt(time.Now().Unix(), 10)
	parts := []string{"aToken", at, "nonce"}
	slices.Sort(parts)
	sum := sha1.Sum([]byte(strings.Join(parts, ""))) //nolint:gosec // the platform's
	q := url.Values{"timestamp": {at}, "nonce": {"nonce"}, "signature": {hex.EncodeToString(sum[:])}}
	body := `<xml><ToUserName>gh_1</ToUserName><FromUserName>oPerson</FromUserName><CreateTime>1</CreateTime><MsgType>text</MsgType><Content>居住证怎么办</Content><MsgId>1</MsgId></xml>`
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/wx/callback?"+q.Encode(), bytes.NewBufferString(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	reply, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	want(t, string(reply), []string{"<ToUserName><![CDATA[oPerson]]></ToUserName>", "居住证申领", "https://wd.example.gov.cn/matters/AL-JZ-002"})
	want(t, s.stop(t), nil, "oPerson", "居住证", "secret")
}
