"""What authors and connectors declare, as frozen data: plans, types, actions, agents, settings, triggers."""
