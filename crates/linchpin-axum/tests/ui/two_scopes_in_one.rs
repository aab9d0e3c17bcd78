use linchpin_core::scopes;

scopes! {
    pub GradesRead = "grades:read";
    pub GradesBoth = "grades:read grades:write";
}

fn main() {}
