//! What the person or the machine in front of it sees.

use std::{
    fmt,
    io::{self, IsTerminal},
};

use serde_json::json;

use crate::{cases::Case, process::Process};

/// An answer of a service, as far as it is looked at.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) reason: Option<String>,
}

impl Answer {
    pub(crate) const OK: Self = Self { status: 200, reason: None };

    pub(crate) fn refused(status: u16, reason: &str) -> Self {
        Self { status, reason: Some(reason.to_owned()) }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match &self.reason {
            Some(reason) => format!("{} {reason}", self.status),
            None => self.status.to_string(),
        };
        f.pad(&text)
    }
}

/// Prints each row as soon as it is known, and counts.
pub(crate) struct Report {
    json: bool,
    colour: bool,
    as_expected: usize,
    unexpected: usize,
}

impl Report {
    pub(crate) fn new(json: bool) -> Self {
        let colour = io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Self { json, colour, as_expected: 0, unexpected: 0 }
    }

    pub(crate) fn begin(&self, provider: &Process, services: &[Process; 2]) {
        if self.json {
            return;
        }
        println!("An identity provider (for development only), and the same service on axum and on actix:\n");
        for process in [provider, &services[0], &services[1]] {
            println!("  {:<9} {}", process.role.name(), process.url);
        }
    }

    /// Prints the route table, and the head of the rows to come.
    pub(crate) fn routes(&self, table: &str) {
        if self.json {
            return;
        }
        println!("\nTheir routes, each with whom it admits; a route without a policy does not compile:\n");
        table.lines().for_each(|route| println!("  {route}"));
        println!(
            "\n{}",
            self.bold(&format!("axum  actix  {}", rest("answer", "what was sent", "what it shows")))
        );
    }

    pub(crate) fn chapter(&self, title: &str) {
        if !self.json {
            println!("\n{}", self.bold(title));
        }
    }

    /// Notes what both services answered.
    pub(crate) fn row(&mut self, case: &Case, answers: [Answer; 2]) {
        let names = ["axum", "actix"];
        for (name, answer) in names.iter().zip(&answers) {
            let ok = *answer == case.expected;
            *(if ok { &mut self.as_expected } else { &mut self.unexpected }) += 1;
            if self.json {
                let expected = json!({"status": case.expected.status, "reason": case.expected.reason});
                let got = json!({"status": answer.status, "reason": answer.reason});
                let row = json!({"service": name, "sent": case.sent, "path": case.path, "expected": expected, "got": got,
                    "shows": case.shows, "ok": ok});
                println!("{row}");
            }
        }
        if self.json {
            return;
        }
        let [axum, actix] = answers.each_ref().map(|answer| self.mark(*answer == case.expected));
        let sent = format!("{} → {}", case.sent, case.path);
        println!("{axum}    {actix}     {}", rest(&case.expected, &sent, case.shows));
        for (name, answer) in names.iter().zip(&answers).filter(|(_, answer)| **answer != case.expected) {
            println!("             {name} answered {answer}");
        }
    }

    /// Whether every answer was as expected.
    pub(crate) fn end(&self) -> bool {
        let Self { as_expected, unexpected, .. } = self;
        if self.json {
            println!("{}", json!({"as_expected": as_expected, "unexpected": unexpected}));
        } else if *unexpected == 0 {
            println!("\nAll {as_expected} answers are as expected.");
        } else {
            println!("\n{unexpected} of {} answers are not as expected.", as_expected + unexpected);
        }
        *unexpected == 0
    }

    fn bold(&self, text: &str) -> String {
        if self.colour { format!("\x1b[1m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn mark(&self, ok: bool) -> String {
        match (ok, self.colour) {
            (true, true) => "\x1b[32mok\x1b[0m".to_owned(),
            (false, true) => "\x1b[31mNO\x1b[0m".to_owned(),
            (true, false) => "ok".to_owned(),
            (false, false) => "NO".to_owned(),
        }
    }
}

/// A row after its marks.
fn rest(answer: impl fmt::Display, sent: &str, shows: &str) -> String {
    format!("{answer:<26} {sent:<46} {shows}")
}

/// Lines that can be pasted into another terminal.
pub(crate) fn print_curl_lines(provider: &Process, services: &[Process; 2]) {
    let (provider, [axum, actix]) = (&provider.url, services);
    let json = "-H 'content-type: application/json'";
    println!("\nEverything keeps running until Ctrl-C. In another terminal:\n");
    println!("# a token for ann, who may read and write grades (ben is an admin, cleo may nothing)");
    println!(
        "TOKEN=$(curl -s {provider}/dev/token {json} -d '{{\"user\":\"ann\"}}' | sed 's/.*\"access_token\":\"\\([^\"]*\\)\".*/\\1/')\n"
    );
    for service in [axum, actix] {
        println!("# {}", service.role.name());
        println!("curl -i {}/whoami -H \"Authorization: Bearer $TOKEN\"", service.url);
        println!("curl -i {}/admin -H \"Authorization: Bearer $TOKEN\"", service.url);
        println!("curl -i {}/whoami\n", service.url);
    }
    println!("# sign with a new key from now on");
    println!("curl -s -X POST {provider}/dev/rotate {json} -d '{{}}'");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(answers: [Answer; 2]) -> Report {
        let case = Case {
            sent: "no token",
            path: "/whoami",
            authorization: None,
            expected: Answer::refused(401, "missing_credential"),
            shows: "who brings nothing is asked to authenticate",
        };
        let mut report = Report::new(true);
        report.row(&case, answers);
        report
    }

    #[test]
    fn one_answer_that_is_not_as_expected_is_a_failure() {
        let expected = || Answer::refused(401, "missing_credential");

        assert!(report([expected(), expected()]).end());
        assert!(!report([expected(), Answer::OK]).end(), "another status");
        assert!(!report([Answer::refused(401, "expired"), expected()]).end(), "another reason");
        assert!(!report([expected(), Answer { status: 401, reason: None }]).end(), "no reason");
    }
}
