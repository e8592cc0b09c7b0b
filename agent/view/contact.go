package view

import (
	"fmt"
	"slices"
	"strings"

	"kextwatch/agent/approval"
	"kextwatch/probe"
)

// contact says whom to ask and how, such as "ACME: IT Support, extension 4321
// (https://help.acme.example)". It is empty if no setting tells.
func contact(c approval.Contact) string { return contactBy(c, shownAddress(c.URL)) }

func contactBy(c approval.Contact, address string) string {
	who, text := Clean(c.Organization), contactText(c)
	if who == "" && text == "" && address == "" {
		return ""
	}
	if who == "" {
		who = "your administrator"
	}
	return who + named(": %s", text) + named(" (%s)", address)
}

// shownAddress returns an address as a person writes it: a mail or a telephone number without
// its scheme. It is empty for one that kextwatch does not open.
func shownAddress(url string) string {
	if !probe.IsContactURL(url) {
		return ""
	}
	if mail, ok := strings.CutPrefix(url, "mailto:"); ok {
		mail, _, _ = strings.Cut(mail, "?")
		return mail
	}
	return strings.TrimPrefix(url, "tel:")
}

// contactText is Clean for the text, which is longer than a name.
func contactText(c approval.Contact) string {
	return strings.Join(strings.Fields(probe.Printable(c.Text)), " ")
}

// contactLine is contact as a sentence.
func contactLine(st approval.Status) string {
	return sentence(named("Contact %s", contact(st.Contact)))
}

// contactAbout returns contact if an administrator can help with a product: by the verdict, or
// because the advice names one.
func contactAbout(p approval.Product, st approval.Status) string {
	advice := []string{Next(p, st)}
	for _, r := range Reasons(p, st) {
		advice = append(advice, r.Next)
	}
	switch {
	case p.Verdict == approval.Managed, p.Verdict == approval.NeedsRecovery, p.Verdict == approval.CannotLoad:
	case !p.Verdict.NeedsAction() && p.Verdict != approval.Unknown, !slices.ContainsFunc(advice, namesAdministrator):
		return ""
	}
	return contact(st.Contact)
}

// WhomToAsk is contactAbout as a sentence.
func WhomToAsk(p approval.Product, st approval.Status) string {
	return sentence(named("Contact %s", contactAbout(p, st)))
}

// namesAdministrator reports whether advice of ours is to ask an administrator.
func namesAdministrator(advice string) bool { return strings.Contains(advice, "dministrator") }

// withContact adds the contact to advice that names an administrator.
func withContact(advice string, st approval.Status) string {
	if !namesAdministrator(advice) {
		return advice
	}
	return sentences(advice, contactLine(st))
}

// contactInAlert adds the contact to the text of an alert about a product, if all of it
// fits. If it fits only without the facts after the next step, it replaces them. A web
// address is left out: nobody can click it there, and the menu has it.
func contactInAlert(body string, p approval.Product, st approval.Status) string {
	address := shownAddress(st.Contact.URL)
	if strings.Contains(address, "://") {
		address = ""
	}
	line := sentence(named("Contact %s", contactBy(st.Contact, address)))
	if line == "" || contactAbout(p, st) == "" && !namesAdministrator(body) {
		return body
	}
	for _, kept := range []string{body, sentence(nextInShort(p, st))} {
		if strings.HasPrefix(body, kept) && fits(kept+" "+line) {
			return strings.TrimSpace(kept + " " + line)
		}
	}
	return body
}

// contactLabel returns the label of notify.Contact: of an entry that opens the address, or of
// a line with the text alone. It is empty if there is neither.
func contactLabel(c menuCase) string {
	who, text := Clean(c.st.Contact.Organization), contactText(c.st.Contact)
	if who == "" {
		who = "Your Administrator"
	}
	switch {
	case c.opensContact():
		return strings.TrimSuffix(short("Contact "+who), "…") + "…"
	case text == "":
		return ""
	}
	return short(fmt.Sprintf("Contact %s: %s", who, text))
}

func (c menuCase) opensContact() bool { return probe.IsContactURL(c.st.Contact.URL) }
