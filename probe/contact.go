package probe

// MaxContactURL is the largest number of characters of an address that IsContactURL accepts.
const MaxContactURL = 300

// ContactURLForm matches the addresses that users may open to reach their organization, and
// an empty text: a web page, a mail with a subject and a text, or a telephone number. A web
// address has a host of plain letters and no user name, so that it shows where it leads. A
// mail has no other fields, because some programs attach a file that a field names. Only
// its text may have line breaks: elsewhere, one could begin a field. Other schemes can run
// a program.
var ContactURLForm = Form{Expr: `^(` +
	`|https?://[A-Za-z0-9._-]+(:[0-9]{1,5})?([/?#][A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]*)?` +
	`|mailto:[A-Za-z0-9._+-]+@[A-Za-z0-9._-]+` +
	`(\?(subject=([A-Za-z0-9._~+-]|%[2-9A-Fa-f][0-9A-Fa-f])*|body=([A-Za-z0-9._~+-]|%[2-9A-Fa-f][0-9A-Fa-f]|%0[ADad])*)(&(subject=([A-Za-z0-9._~+-]|%[2-9A-Fa-f][0-9A-Fa-f])*|body=([A-Za-z0-9._~+-]|%[2-9A-Fa-f][0-9A-Fa-f]|%0[ADad])*))?)?` +
	`|tel:\+?[0-9().-]{2,30}` +
	`)$`}

// IsContactURL reports whether users may open an address to reach their organization. It has
// only printable characters of ASCII without spaces.
func IsContactURL(text string) bool {
	return text != "" && len(text) <= MaxContactURL && ContactURLForm.MatchString(text)
}
