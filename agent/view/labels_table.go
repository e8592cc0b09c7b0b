package view

import "kextwatch/agent/approval"

// The languages of which labels are known.
const (
	german      = "German"
	french      = "French"
	spanish     = "Spanish"
	italian     = "Italian"
	dutch       = "Dutch"
	brazilian   = "Portuguese (Brazil)"
	polish      = "Polish"
	japanese    = "Japanese"
	korean      = "Korean"
	simplified  = "Chinese (simplified)"
	traditional = "Chinese (traditional)"
)

// translation is one of Apple's labels in a language. Many labels differ by the version
// of macOS in English, too: "System Preferences" became "System Settings" with macOS 13.
type translation struct {
	english, text string

	// Sure: seen on a page of Apple's. Likely: seen on another page. Unsure: sources differ,
	// or show another label that has the same name in English.
	confidence approval.Confidence
	source     string
}

// The sources of several rows.
const (
	guides    = "guides in public repositories"
	kextGuide = "a guide for a kernel extension in a public repository"
	other     = "other buttons with this name"
)

// labels has the labels by language. It is no map, which would be made at each start. A label that no source shows is missing: never add
// one without a source. docs/labels.md is the same table.
var labels = []struct {
	language string
	rows     []translation
}{
	{german, []translation{
		{"System Preferences", "Systemeinstellungen", approval.Likely, "support.eset.de/kb6512"},
		{"Security & Privacy", "Sicherheit & Datenschutz", approval.Likely, "support.eset.de/kb6512"},
		{"System Settings", "Systemeinstellungen", approval.Sure, "support.apple.com/de-at/guide/mac-help/mh40616"},
		{"Privacy & Security", "Datenschutz & Sicherheit", approval.Sure, "support.apple.com/de-at/guide/mac-help/mh40616"},
		{"General", "Allgemein", approval.Likely, "computerbild.de; " + guides},
		{"Security", "Sicherheit", approval.Sure, "support.apple.com/de-at/guide/mac-help/mh40616"},
		{"Allow", "Erlauben", approval.Likely, "macazin.de; Apple's page mh43185 has its opposite"},
		{"OK", "OK", approval.Sure, "support.apple.com/de-at/guide/mac-help/mh40616"},
		{"Restart…", "Neustart", approval.Sure, "support.apple.com/de-at/102384"},
		{"Apple menu", "Apple-Menü", approval.Sure, "support.apple.com/de-at/102384"},
		{"Login Items & Extensions", "Anmeldeobjekte & Erweiterungen", approval.Likely, guides},
		{"Options", "Optionen", approval.Sure, "support.apple.com/de-ch/102675"},
		{"Continue", "Fortfahren", approval.Unsure, kextGuide},
		{"Utilities", "Dienstprogramme", approval.Sure, "support.apple.com/de-at/102384"},
		{"Startup Security Utility", "Startsicherheitsdienstprogramm", approval.Sure, "support.apple.com/de-at/102384"},
		{"Security Policy", "Sicherheitsrichtlinie", approval.Unsure, kextGuide},
		{"Reduced Security", "Reduzierte Sicherheit", approval.Sure, "support.apple.com/de-de/HT210999"},
		{"Allow user management of kernel extensions from identified developers", "Verwaltung von Kernel-Erweiterungen von identifizierten Entwicklern durch Benutzer erlauben", approval.Unsure, kextGuide},
	}},
	{french, []translation{
		{"System Preferences", "Préférences Système", approval.Sure, "support.apple.com/fr-gn/HT203127"},
		{"Security & Privacy", "Sécurité et confidentialité", approval.Likely, guides},
		{"System Settings", "Réglages Système", approval.Sure, "support.apple.com/fr-ch/guide/mac-help/mh35873"},
		{"Privacy & Security", "Confidentialité et sécurité", approval.Sure, "support.apple.com/fr-ch/guide/mac-help/mh35873"},
		{"General", "Général", approval.Likely, guides},
		{"Allow", "Autoriser", approval.Unsure, other},
		{"Apple menu", "menu Pomme", approval.Sure, "support.apple.com/fr-ch/guide/mac-help/mh35873"},
		{"Login Items & Extensions", "Ouverture et extensions", approval.Likely, guides},
		{"Startup Security Utility", "Utilitaire Sécurité au démarrage", approval.Sure, "support.apple.com/fr-ch/guide/deployment/dep5810e849c"},
	}},
	{spanish, []translation{
		{"System Preferences", "Preferencias del Sistema", approval.Sure, "support.apple.com/es-es/guide/mac-help/mh40616/10.14"},
		{"Security & Privacy", "Seguridad y privacidad", approval.Sure, "support.apple.com/es-es/guide/mac-help/mh40616/10.14"},
		{"System Settings", "Ajustes del Sistema", approval.Sure, "support.apple.com/es-es/guide/mac-help/mchlf00522d9"},
		{"Privacy & Security", "Privacidad y seguridad", approval.Likely, guides},
		{"General", "General", approval.Sure, "support.apple.com/es-es/guide/mac-help/mh40616/10.14"},
		{"Allow", "Permitir", approval.Likely, kextGuide},
		{"Apple menu", "menú Apple", approval.Sure, "support.apple.com/es-es/guide/mac-help/mchlf00522d9"},
		{"Login Items & Extensions", "Ítems de inicio y extensiones", approval.Likely, guides},
		{"Options", "Opciones", approval.Likely, kextGuide},
		{"Utilities", "Utilidades", approval.Sure, "support.apple.com/es-es/guide/security/secc7b34e5b5"},
		{"Startup Security Utility", "Utilidad de Seguridad de Arranque", approval.Sure, "support.apple.com/es-es/guide/security/secc7b34e5b5"},
		{"Security Policy", "Política de seguridad", approval.Likely, kextGuide},
		{"Reduced Security", "Seguridad reducida", approval.Likely, kextGuide},
		{"Allow user management of kernel extensions from identified developers", "Permitir la gestión de usuario de extensiones de kernel de desarrolladores identificados", approval.Likely, kextGuide},
	}},
	{italian, []translation{
		{"System Preferences", "Preferenze di Sistema", approval.Likely, "chimerarevo.com"},
		{"Security & Privacy", "Sicurezza e Privacy", approval.Sure, "support.apple.com/it-it/HT211860"},
		{"System Settings", "Impostazioni di Sistema", approval.Sure, "support.apple.com/it-it/guide/mac-help/mh40616"},
		{"Privacy & Security", "Privacy e Sicurezza", approval.Sure, "support.apple.com/it-it/guide/mac-help/mh40616"},
		{"General", "Generali", approval.Likely, guides},
		{"Security", "Sicurezza", approval.Sure, "support.apple.com/it-it/guide/mac-help/mh40616"},
		{"Allow", "Consenti", approval.Unsure, other},
		{"OK", "OK", approval.Sure, "support.apple.com/it-it/guide/mac-help/mh40616"},
		{"Apple menu", "menu Apple", approval.Sure, "support.apple.com/it-it/guide/mac-help/mh40616"},
		{"Login Items & Extensions", "Elementi login ed estensioni", approval.Likely, guides},
		{"Utilities", "Utility", approval.Sure, "support.apple.com/it-it/102522"},
		{"Startup Security Utility", "Utility Sicurezza Avvio", approval.Sure, "support.apple.com/it-it/102522"},
	}},
	{dutch, []translation{
		{"System Preferences", "Systeemvoorkeuren", approval.Sure, "support.apple.com/nl-be/HT202491"},
		{"Security & Privacy", "Beveiliging en privacy", approval.Sure, "support.apple.com/nl-be/HT202491"},
		{"System Settings", "Systeeminstellingen", approval.Likely, "iculture.nl"},
		{"Privacy & Security", "Privacy en beveiliging", approval.Likely, "iculture.nl"},
		{"General", "Algemeen", approval.Sure, "support.apple.com/nl-be/HT202491"},
		{"Security", "Beveiliging", approval.Likely, guides},
		{"Allow", "Sta toe", approval.Unsure, other},
		{"Login Items & Extensions", "Inlogonderdelen en extensies", approval.Likely, guides},
		{"Utilities", "Hulpprogramma's", approval.Sure, "support.apple.com/nl-be/HT208198"},
		{"Startup Security Utility", "Opstartbeveiliginghulpprogramma", approval.Sure, "support.apple.com/nl-be/HT208198"},
	}},
	{brazilian, []translation{
		{"System Preferences", "Preferências do Sistema", approval.Likely, "macmagazine.com.br"},
		{"Security & Privacy", "Segurança e Privacidade", approval.Likely, "macmagazine.com.br"},
		{"System Settings", "Ajustes do Sistema", approval.Sure, "support.apple.com/pt-br/guide/mac-help/mh43711"},
		{"Privacy & Security", "Privacidade e Segurança", approval.Sure, "support.apple.com/pt-br/guide/mac-help/mh43711"},
		{"General", "Geral", approval.Likely, "macmagazine.com.br"},
		{"Security", "Segurança", approval.Likely, kextGuide},
		{"Allow", "Permitir", approval.Likely, kextGuide},
		{"Restart…", "Reiniciar", approval.Sure, "support.apple.com/pt-br/HT203409"},
		{"Apple menu", "menu Apple", approval.Sure, "support.apple.com/pt-br/HT203409"},
		{"Login Items & Extensions", "Itens de Início de Sessão e Extensões", approval.Unsure, guides},
		{"Utilities", "Utilitários", approval.Sure, "support.apple.com/pt-br/HT203409"},
		{"Startup Security Utility", "Utilitário de Segurança da Inicialização", approval.Sure, "support.apple.com/pt-br/HT203409"},
	}},
	{polish, []translation{
		{"System Preferences", "Preferencje systemowe", approval.Sure, "support.apple.com/pl-pl/HT202491"},
		{"Security & Privacy", "Ochrona i prywatność", approval.Sure, "support.apple.com/pl-pl/HT202491"},
		{"System Settings", "Ustawienia systemowe", approval.Sure, "support.apple.com/pl-pl/HT211874"},
		{"Privacy & Security", "Prywatność i ochrona", approval.Likely, guides},
		{"General", "Ogólne", approval.Sure, "support.apple.com/pl-pl/HT202491"},
		{"Security", "Ochrona", approval.Unsure, guides},
		{"Allow", "Pozwól", approval.Unsure, other},
		{"Restart…", "Uruchom ponownie", approval.Sure, "support.apple.com/pl-pl/guide/mac-help/mh35902"},
		{"Apple menu", "menu Apple", approval.Sure, "support.apple.com/pl-pl/HT211874"},
		{"Login Items & Extensions", "Rzeczy otwierane podczas logowania i rozszerzenia", approval.Unsure, guides},
		{"Options", "Opcje", approval.Sure, "support.apple.com/pl-pl/102673"},
		{"Continue", "Kontynuuj", approval.Sure, "support.apple.com/pl-pl/102673"},
		{"Utilities", "Narzędzia", approval.Sure, "support.apple.com/pl-pl/HT208330"},
		{"Startup Security Utility", "Narzędzie bezpiecznego uruchamiania", approval.Sure, "support.apple.com/pl-pl/HT208330"},
	}},
	{japanese, []translation{
		{"System Preferences", "システム環境設定", approval.Sure, "support.apple.com/ja-jp/HT202491"},
		{"Security & Privacy", "セキュリティとプライバシー", approval.Sure, "support.apple.com/ja-jp/HT202491"},
		{"System Settings", "システム設定", approval.Sure, "support.apple.com/ja-jp/guide/mac-help/mchl211c911f"},
		{"Privacy & Security", "プライバシーとセキュリティ", approval.Sure, "support.apple.com/ja-jp/guide/mac-help/mchl211c911f"},
		{"General", "一般", approval.Likely, guides},
		{"Security", "セキュリティ", approval.Likely, guides},
		{"Allow", "許可", approval.Likely, kextGuide},
		{"Apple menu", "アップルメニュー", approval.Sure, "support.apple.com/ja-jp/guide/mac-help/mchl211c911f"},
		{"Login Items & Extensions", "ログイン項目と機能拡張", approval.Likely, guides},
		{"Loading startup options", "起動オプションを読み込み中", approval.Sure, "support.apple.com/ja-jp/guide/mac-help/mchl768f7291"},
		{"Options", "オプション", approval.Sure, "support.apple.com/ja-jp/guide/mac-help/mchl768f7291"},
		{"Continue", "続ける", approval.Sure, "support.apple.com/ja-jp/guide/mac-help/mchl768f7291"},
		{"Utilities", "ユーティリティ", approval.Sure, "support.apple.com/ja-jp/HT204455"},
		{"Startup Security Utility", "起動セキュリティユーティリティ", approval.Sure, "support.apple.com/ja-jp/HT204455"},
		{"Security Policy", "セキュリティポリシー", approval.Likely, kextGuide},
		{"Reduced Security", "低セキュリティ", approval.Sure, "support.apple.com/ja-jp/guide/mac-help/mchl768f7291"},
	}},
	{korean, []translation{
		{"System Preferences", "시스템 환경설정", approval.Likely, "osx.skydocu.com"},
		{"Security & Privacy", "보안 및 개인 정보 보호", approval.Likely, "osx.skydocu.com"},
		{"System Settings", "시스템 설정", approval.Sure, "support.apple.com/ko-kr/102630"},
		{"Privacy & Security", "개인정보 보호 및 보안", approval.Likely, guides},
		{"General", "일반", approval.Likely, "osx.skydocu.com"},
		{"Allow", "허용", approval.Likely, kextGuide},
		{"Apple menu", "Apple 메뉴", approval.Sure, "support.apple.com/ko-kr/102630"},
		{"Login Items & Extensions", "로그인 항목 및 확장 프로그램", approval.Likely, guides},
		{"Options", "옵션", approval.Likely, kextGuide},
		{"Continue", "계속", approval.Likely, kextGuide},
		{"Utilities", "유틸리티", approval.Likely, guides},
		{"Startup Security Utility", "시동 보안 유틸리티", approval.Likely, guides},
		{"Security Policy", "보안 정책", approval.Unsure, kextGuide},
		{"Reduced Security", "부분 보안", approval.Unsure, kextGuide},
		{"Allow user management of kernel extensions from identified developers", "확인된 개발자가 배포한 커널 확장 파일의 사용자 관리 허용", approval.Unsure, kextGuide},
	}},
	{simplified, []translation{
		{"System Preferences", "系统偏好设置", approval.Sure, "support.apple.com/kb/PH25088"},
		{"Security & Privacy", "安全性与隐私", approval.Sure, "support.apple.com/kb/PH25088"},
		{"System Settings", "系统设置", approval.Likely, guides},
		{"Privacy & Security", "隐私与安全性", approval.Likely, guides},
		{"General", "通用", approval.Sure, "support.apple.com/kb/PH25088"},
		{"Security", "安全性", approval.Likely, guides},
		{"Allow", "允许", approval.Likely, kextGuide},
		{"OK", "好", approval.Likely, kextGuide},
		{"Restart…", "重新启动", approval.Likely, kextGuide},
		{"Apple menu", "苹果菜单", approval.Sure, "support.apple.com/kb/PH25088"},
		{"Login Items & Extensions", "登录项与扩展", approval.Likely, guides},
		{"Loading startup options", "正在载入启动选项", approval.Likely, kextGuide},
		{"Options", "选项", approval.Likely, kextGuide},
		{"Continue", "继续", approval.Likely, kextGuide},
		{"Utilities", "实用工具", approval.Likely, kextGuide},
		{"Startup Security Utility", "启动安全性实用工具", approval.Likely, kextGuide},
		{"Unlock", "解锁", approval.Likely, kextGuide},
		{"Security Policy", "安全策略", approval.Likely, kextGuide},
		{"Reduced Security", "降低安全性", approval.Sure, "support.apple.com/zh-cn/guide/security/sec8e454101b"},
		{"Allow user management of kernel extensions from identified developers", "允许用户管理来自被认可开发者的内核扩展", approval.Likely, kextGuide},
	}},
	{traditional, []translation{
		{"System Preferences", "系統偏好設定", approval.Sure, "support.apple.com/zh-tw/guide/mac-help/mh35873"},
		{"Security & Privacy", "安全性與隱私權", approval.Sure, "support.apple.com/zh-tw/guide/mac-help/mh35873"},
		{"System Settings", "系統設定", approval.Likely, guides},
		{"Privacy & Security", "隱私權與安全性", approval.Likely, guides},
		{"General", "一般", approval.Likely, guides},
		{"Allow", "允許", approval.Unsure, other},
		{"Apple menu", "「蘋果」選單", approval.Sure, "support.apple.com/zh-tw/guide/mac-help/mh35873"},
		{"Login Items & Extensions", "登入項目與延伸功能", approval.Likely, guides},
		{"Reduced Security", "降低安全性", approval.Likely, kextGuide},
		{"Allow user management of kernel extensions from identified developers", "允許使用者管理來自已識別開發者的核心擴充功能", approval.Unsure, kextGuide},
	}},
}
